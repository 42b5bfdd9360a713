#include "chat/jinja/jinja.h"

#include "chat/jinja/json.h"
#include "core/error.h"
#include "tokenizer/test_tokenizer.h"

#include <gtest/gtest.h>

namespace puna::jinja {
namespace {

Text rendered(std::string_view source, const Variables& variables = {}, const Limits& limits = {}) {
    Budget budget(limits);
    return render(parse(source, "x.jinja", limits), variables, std::chrono::sys_seconds{}, budget);
}

std::string output(std::string_view source, const Variables& variables = {}) {
    return encode_utf8(rendered(source, variables));
}

// The characters that the template itself wrote, a dot for each that a value wrote.
std::string own(std::string_view source) {
    Variables variables = {{"v", Value(decode_utf8("<x>", from_value))}, {"bos_token", text_value("<s>")}};
    std::string text;
    for (char32_t c : rendered(source, variables)) text += c & from_value ? '.' : static_cast<char>(code_of(c));
    return text;
}

std::string problem(std::string_view source, const Limits& limits = {}) {
    return error_message([&] { rendered(source, {{"v", text_value("x")}}, limits); });
}

// What Jinja2 itself renders is compared in tests/jinja_test.py; here is what it does not know.
TEST(Jinja, TextRemembersThatAValueWroteItWhateverIsDoneWithIt) {
    EXPECT_EQ(own("a{{ v }}b{{ 'c' }}{{ bos_token }}"), "a...bc<s>");
    EXPECT_EQ(own("{{ '<' + v + '>' }}{{ '<' ~ v }}{{ v * 2 }}"), "<...><.........");
    EXPECT_EQ(own("{{ v | trim }}{{ v | upper }}{{ v.title() }}{{ v[1] }}{{ v[::-1] }}{{ v[1:] }}"),
              std::string(15, '.'));
    EXPECT_EQ(own("{{ v | replace('x', 'ab') }}{{ 'x-x' | replace('-', v) }}"), ".ab.x...x");
    EXPECT_EQ(own("{{ [v, 'a'] | join('|') }}{{ v | list | join }}{{ v.split('x') | join('y') }}"), "...|a....y.");
    EXPECT_EQ(own("{{ '<%s>' % v }}{{ '<{}>'.format(v) }}{{ '[%5s]' | format(v) }}"), "<...><...>[  ...]");
    EXPECT_EQ(own("{{ v | tojson }}{{ {'k': 'w'} | tojson }}{{ [v] }}{{ 12 }}"), std::string(5 + 10 + 7 + 2, '.'));
    EXPECT_EQ(own("{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m(v) | upper }}{{ m('a') }}"), "[...][a]");
    EXPECT_EQ(own("{% set t %}<{{ v }}>{% endset %}{{ t }}{% filter upper %}a{{ v }}{% endfilter %}"), "<...>A...");
    EXPECT_EQ(own("{% for c in v %}{{ c }},{% endfor %}{{ v | first }}{{ v | indent(2, true) }}"), ".,.,.,.  ...");
    EXPECT_EQ(own("{{ v | escape }}{{ v | safe }}{{ v | string }}{{ v | default('d') }}"), std::string(9 + 9, '.'));
}

TEST(Jinja, GenerationBlocksMarkWhatTheyWrite) {
    std::string text;
    for (char32_t c : rendered("a{% generation %}b{{ v }}{% endgeneration %}c", {{"v", text_value("d")}}))
        text += c & generated ? static_cast<char>(code_of(c)) : '.';
    EXPECT_EQ(text, ".bd.");
}

TEST(Jinja, ErrorsNameThePlaceTheLineAndTheThing) {
    EXPECT_EQ(problem("a\n{{ v | nosuch }}"), "x.jinja:2: there is no filter 'nosuch', or it is not supported");
    EXPECT_EQ(problem("\n\n{% if v %}\n{{ raise_exception('no ' ~ v) }}{% endif %}"), "x.jinja:4: no x");
    EXPECT_EQ(problem("{{ w.role }}"), "x.jinja:1: 'w' is undefined");
    EXPECT_EQ(problem("{{ v.role.name }}"), "x.jinja:1: 'role' is undefined");
    EXPECT_EQ(problem("{% if v %}\n{% include 'y' %}{% endif %}"),
              "x.jinja:2: {% include %} is not supported, or not here, where {% endif %} was expected");
    EXPECT_EQ(problem("{% do v %}"), "x.jinja:1: {% do %} is not supported here");
    EXPECT_EQ(problem("{{ v"), "x.jinja:1: a tag without an end: close it with }}");
    EXPECT_EQ(problem("{% for x in v %}"), "x.jinja:1: the template ends, where {% endfor %} was expected");
    EXPECT_EQ(problem("{{ 1\n+ 'a' }}"), "x.jinja:2: unsupported operand types for +: 'int' and 'str'");
    EXPECT_EQ(problem("{{ [1].append(2) }}"), "x.jinja:1: append() would change a list: templates cannot do that");
}

TEST(Jinja, TheTimeMustBeKnownToBeShown) {
    Budget budget{Limits{}};
    Tree tree = parse("{{ strftime_now('%Y') }}", "x.jinja");
    EXPECT_NE(error_message([&] { render(tree, {}, std::nullopt, budget); }).find("needs a date"), std::string::npos);
}

TEST(Jinja, WholeNumbersOfJsonKeepTheirDigits) {
    Budget budget{Limits{}};
    Value json =
        parse_json(R"([12345678901234567890123, -9223372036854775808, 18446744073709551615, 1e2])", "x", budget);
    EXPECT_EQ(output("{{ v | tojson }} {{ v[0] }}", {{"v", json}}),
              "[12345678901234567890123, -9223372036854775808, 18446744073709551615, 100.0] 12345678901234567890123");
    EXPECT_NE(error_message([&] {
                  output("{{ v[0] + 1 }}", {{"v", json}});
              }).find("more than 64 bits"),
              std::string::npos);
    EXPECT_NE(problem("{{ 9223372036854775807 + 1 }}").find("more than 64 bits"), std::string::npos);
    EXPECT_NE(problem("{{ -9223372036854775807 - 2 }}").find("more than 64 bits"), std::string::npos);
    EXPECT_NE(problem("{{ 3 ** 99 }}").find("more than 64 bits"), std::string::npos);
}

TEST(Jinja, StrayBytesComeThrough) {
    EXPECT_EQ(output("{{ v }}{{ v | length }}", {{"v", Value(decode_utf8("a\xff\xc3z", from_value))}}), "a\xff\xc3z4");
    EXPECT_EQ(output("a\xff{{ 'b\xfe' }}"),
              "a\xff"
              "b\xfe");
}

std::string repeated(std::string_view text, size_t n) {
    std::string all;
    for (size_t i = 0; i < n; ++i) all += text;
    return all;
}

TEST(Jinja, HostileTemplatesEndSoon) {
    std::string loop = "{% for a in v %}";
    Limits few{.steps = 1000};
    EXPECT_NE(problem("{% set v = range(99) %}" + repeated(loop, 3) + repeated("{% endfor %}", 3), few)
                  .find("more than 1000 steps"),
              std::string::npos);
    EXPECT_NE(problem("{{ 'x' * 999999999999 }}").find("too much"), std::string::npos);
    EXPECT_NE(problem("{% set n = namespace(t='x') %}{% for i in range(99) %}{% set n.t = n.t + n.t %}{% endfor %}")
                  .find("too much"),
              std::string::npos);
    EXPECT_NE(problem("{% set n = namespace(t=[1]) %}{% for i in range(99) %}{% set n.t = n.t + n.t %}{% endfor %}")
                  .find("too much"),
              std::string::npos);
    EXPECT_NE(problem("{% set n = namespace(t=[]) %}{% for i in range(9999) %}{% set n.t = [n.t] %}{% endfor %}")
                  .find("nested"),
              std::string::npos);
    EXPECT_NE(
        problem("{% set n = namespace(t=[0]) %}{% for i in range(60) %}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.t }}")
            .find("too much"),
        std::string::npos);
    EXPECT_NE(problem("{{ range(999999999) }}").find("range()"), std::string::npos);
    EXPECT_NE(problem("{{ '%999999999d' % 1 }}").find("more than 10000 characters"), std::string::npos);
    EXPECT_NE(problem("{{ 'x'.center(99999999999) }}").find("too much"), std::string::npos);
    EXPECT_NE(problem("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("nested too deeply"), std::string::npos);
    EXPECT_NE(problem("{{ ('a' * 4000000) in ('a' * 3999999 + 'b') * 2 }}").find("too much"), std::string::npos);
    EXPECT_NE(problem("{{ ('a' * 60000).replace('', 'b' * 60000) }}").find("too much"), std::string::npos);
    EXPECT_NE(problem("{{ " + repeated("[", 5000) + repeated("]", 5000) + "}}").find("nested more than"),
              std::string::npos);
    EXPECT_NE(problem("{{ 1" + repeated(" + 1", 5000) + " }}").find("more than 400 steps"), std::string::npos);
    EXPECT_NE(problem(repeated("{% if v %}", 5000)).find("nested more than"), std::string::npos);
    EXPECT_NE(problem(repeated("x", 2 << 20)).find("bytes"), std::string::npos);
    EXPECT_NE(problem("{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}").find("nested too deeply"),
              std::string::npos);
}

TEST(Jinja, MacrosAndLoopsOutliveTheirBlocks) {
    EXPECT_EQ(
        output("{% set n = namespace() %}{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{% set n.m = m %}"
               "{% set n.l = loop %}{% endfor %}{{ n.m() }}{{ n.l.index }}"),
        "22");
    EXPECT_EQ(output("{% set n = namespace() %}{% set n.n = n %}{{ n.n.n is defined }}"), "True");
}

}  // namespace
}  // namespace puna::jinja
