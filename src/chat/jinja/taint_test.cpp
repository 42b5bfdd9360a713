// Random templates with random variables: no character of a variable may lose its flag, whatever the template does with
// it. Literals of the templates consist of a few characters that variables do not have, so each character of the output
// shows where it came from.
#include "chat/jinja/jinja.h"
#include "chat/jinja/json.h"
#include "core/error.h"
#include "core/random.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

namespace puna::jinja {
namespace {

// Literals, and what filters write by themselves: fill, the end of `truncate`.
constexpr std::u32string_view own_characters = U"qQ~| 0.";

// What attacks a template: words that other case mappings, escapes and formats change, and formats of their own.
constexpr const char* variables_json = R"({
    "a": "eot_id", "b": "stra\u00dfe \u0149 \u03a3\u0391\u03a3 \ufb01 \u0130 \u01c6", "c": "%s{0}{}%d%c{:x>5}", "d": "x\n\ny\r\nz\t&\"'/",
    "n": 7, "m": 65, "f": 2.5, "t": true, "nil": null, "l": ["eom", "k\u00e4se", 12, ["in", {"deep": "er"}]],
    "o": {"key": "value", "k2": ["u", "v"], "format": 3, "\u00e9": {"inner": "w"}}, "e": ""})";

// Writes templates: text(n) is an expression of text, number(n) one of a number, and so on, n operations deep.
class Writer {
 public:
    explicit Writer(Random& random) : random_(random) {}

    std::string statement(int depth) {
        if (depth == 0) return "{{ " + any(2) + " }}";
        switch (random_.below(9)) {
            case 0:
                return "{% set x = " + any(2) + " %}{% set s %}" + statement(depth - 1) + "{% endset %}{{ s }}{{ x }}";
            case 1:
                return "{% for k, v in " + dict(1) + ".items() %}{{ k }}{{ v }}" + statement(depth - 1) +
                       "{% endfor %}";
            case 2:
                return "{% for v in " + list(2) + " %}{{ loop.index }}{{ v }}{{ loop.previtem }}" +
                       statement(depth - 1) + "{% endfor %}";
            case 3:
                return "{% macro g(x, y='q') %}" + statement(depth - 1) +
                       "{{ x }}{{ y }}{{ varargs }}{% for k in kwargs %}{{ k }}{% endfor %}{% endmacro %}{{ g(" +
                       any(1) + ", **" + dict(1) + ") }}";
            case 4:
                return "{% filter " + pick(text_filters) + " %}" + statement(depth - 1) + "{% endfilter %}";
            case 5:
                return "{% set ns = namespace(x=" + any(1) + ", **" + dict(1) + ") %}{{ ns.x }}{{ ns.key }}" +
                       statement(depth - 1);
            case 6:
                return "{% macro h() %}{{ caller(" + any(1) + ") }}{% endmacro %}{% call(z) h() %}{{ z }}" +
                       statement(depth - 1) + "{% endcall %}";
            case 7:
                return "{% for g, v in [a, b, l] | groupby(0) %}{{ g }}{{ v }}{% endfor %}" + statement(depth - 1);
            default:
                return "q{{ " + text(3) + " }}~|" + statement(depth - 1);
        }
    }

 private:
    template <size_t n>
    std::string pick(const std::array<const char*, n>& list) {
        return list[random_.below(n)];
    }
    // The expression with # and ## replaced: a text, a number.
    std::string fill(std::string form, int depth) {
        for (size_t at; (at = form.find("##")) != form.npos;) form.replace(at, 2, number(depth));
        for (size_t at; (at = form.find('#')) != form.npos;) form.replace(at, 1, text(depth));
        return form;
    }

    static constexpr std::array text_filters = {"upper",
                                                "lower",
                                                "title",
                                                "capitalize",
                                                "trim",
                                                "escape",
                                                "forceescape",
                                                "safe",
                                                "string",
                                                "tojson",
                                                "indent(1)",
                                                "indent(2, true, true)",
                                                "reverse",
                                                "truncate(5)",
                                                "center(9)",
                                                "first",
                                                "last",
                                                "list",
                                                "unique | join",
                                                "sort | join('q')",
                                                "d('q')",
                                                "replace('q', a)",
                                                "e | trim",
                                                "batch(2) | list",
                                                "map('upper') | join",
                                                "select | list",
                                                "int",
                                                "float",
                                                "wordcount",
                                                "length"};
    static constexpr std::array text_forms = {"# + #",
                                              "# ~ #",
                                              "# ~ ##",
                                              "# * 2",
                                              "#[##]",
                                              "#[::-1]",
                                              "#[##:]",
                                              "#.strip(#)",
                                              "#.split(#)[0]",
                                              "#.split() | join(#)",
                                              "#.replace(#, #)",
                                              "#.title()",
                                              "#.upper()",
                                              "#.swapcase()",
                                              "#.format(#, ##)",
                                              "'~{}'.format(#)",
                                              "'{:q>9}|{}'.format(#, ##)",
                                              "'%s|%s' % (#, ##)",
                                              "'%d~%c' % (##, ##)",
                                              "'%5s' | format(#)",
                                              "'~%(key)s' % o",
                                              "'%(key)s' | format(**o)",
                                              "'{key}'.format(**o)",
                                              "#.join([#, #])",
                                              "[#, #] | join(#)",
                                              "#.partition(#) | join",
                                              "#.rsplit(#, 1) | last",
                                              "#.splitlines() | join('|')",
                                              "#.zfill(9)",
                                              "#.center(9, '|')",
                                              "#.ljust(9, #[0])",
                                              "#.removeprefix(#)",
                                              "(# if ## else #)",
                                              "(# or #)",
                                              "(# and #)",
                                              "{'q': #}.q",
                                              "[#, #][##]",
                                              "(#, #) | max",
                                              "{#: 'q'} | first",
                                              "dict([[#, #]]) | items | first | first",
                                              "# | replace(#, #)",
                                              "strftime_now(#)",
                                              "# | tojson(indent=#)",
                                              "'%c' % m",
                                              "'%x' % n",
                                              "'{:05d}'.format(n)",
                                              "'{:c}'.format(m)",
                                              "# | indent(#, true)"};
    static constexpr std::array variables = {
        "a", "b", "c", "d", "e", "l[0]", "l[3][1].deep", "o.key", "o['\u00e9'].inner"};
    static constexpr std::array literals = {"'q'", "'~|Q|'", "'q~|'", "'|'", "''", "'Qq'"};

    std::string text(int depth) {
        if (depth == 0) return random_.below(3) ? pick(variables) : pick(literals);
        if (random_.below(3) == 0) return "(" + text(depth - 1) + " | " + pick(text_filters) + " | string)";
        return "(" + fill(pick(text_forms), depth - 1) + ")";
    }
    std::string number(int depth) {
        constexpr std::array forms = {"n",          "m",     "f",     "t",      "2",          "-1",
                                      "a | length", "n + m", "n * 3", "m // 2", "loop.index0"};
        return depth >= 0 ? pick(forms) : "n";
    }
    std::string list(int depth) {
        constexpr std::array lists = {
            "l", "o.k2", "o.values()", "o.keys()", "o | dictsort", "l | map('string') | list", "range(n)"};
        return depth > 0 && random_.below(3) == 0 ? "[" + text(depth - 1) + ", " + any(depth - 1) + "]" : pick(lists);
    }
    std::string dict(int depth) {
        return random_.below(2) ? "o" : "{" + text(depth) + ": " + any(0) + ", 'q': " + text(depth) + "}";
    }
    std::string any(int depth) {
        constexpr std::array others = {"nil", "t", "l", "o", "none", "[1, a]", "{'q': b}", "(a, 'q')"};
        return random_.below(3) ? text(depth) : random_.below(2) ? number(depth) : pick(others);
    }

    Random& random_;
};

// The first character that is not the template's own and has lost its flag; none: there is none.
std::optional<char32_t> find_laundered(const Text& output) {
    for (char32_t c : output)
        if (!(c & from_value) && own_characters.find(code_of(c)) == own_characters.npos) return code_of(c);
    return {};
}

TEST(Taint, RandomTemplatesNeverLaunderAVariable) {
    Random random(20260727);
    Writer writer(random);
    Limits limits{.steps = 200'000, .characters = 1 << 20};
    int rendered = 0;
    for (int i = 0; i < 6'000; ++i) {
        std::string source = writer.statement(2);
        try {
            Budget budget(limits);
            Variables variables;
            Value given = parse_json(variables_json, "variables", budget);
            for (const auto& [name, value] : given.dict().items())
                variables.emplace_back(encode_utf8(name.text()), value);
            Text output = render(parse(source, "x", limits), variables, std::chrono::sys_seconds{}, budget);
            ++rendered;
            std::optional<char32_t> laundered = find_laundered(output);
            ASSERT_FALSE(laundered) << fmt::format("U+{:04x}", static_cast<uint32_t>(*laundered)) << " in " << source
                                    << "\n"
                                    << encode_utf8(output);
        } catch (const Error&) {  // an operation does not fit its operand
        }
    }
    EXPECT_GT(rendered, 2'000);
}

}  // namespace
}  // namespace puna::jinja
