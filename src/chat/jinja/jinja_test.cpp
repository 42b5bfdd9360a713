#include "chat/jinja/jinja.h"

#include "chat/jinja/json.h"
#include "core/error.h"
#include "tokenizer/test_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna::jinja {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

Text rendered(std::string_view source, const Variables& variables = {}, const Limits& limits = {}) {
    Budget budget(limits);
    return render(parse(source, "x.jinja", limits), variables, std::chrono::sys_seconds{}, budget);
}

std::string output(std::string_view source, const Variables& variables = {}) {
    return encode_utf8(rendered(source, variables));
}

// The output with a dot for each tainted character.
std::string untainted(std::string_view source) {
    Variables variables = {{"v", Value(decode_utf8("<x>", from_value))}, {"bos_token", text_value("<s>")}};
    std::string text;
    for (char32_t c : rendered(source, variables)) text += c & from_value ? '.' : static_cast<char>(code_of(c));
    return text;
}

std::string problem(std::string_view source, const Limits& limits = {}) {
    return error_of([&] { rendered(source, {{"v", text_value("x")}}, limits); });
}

// tests/jinja_test.py compares the output with Jinja2's; here is what Jinja2 does not have.
TEST(Jinja, TaintSurvivesEveryOperation) {
    EXPECT_EQ(untainted("a{{ v }}b{{ 'c' }}{{ bos_token }}"), "a...bc<s>");
    EXPECT_EQ(untainted("{{ '<' + v + '>' }}{{ '<' ~ v }}{{ v * 2 }}"), "<...><.........");
    EXPECT_EQ(untainted("{{ v | trim }}{{ v | upper }}{{ v.title() }}{{ v[1] }}{{ v[::-1] }}{{ v[1:] }}"),
              std::string(15, '.'));
    EXPECT_EQ(untainted("{{ v | replace('x', 'ab') }}{{ 'x-x' | replace('-', v) }}"), ".ab.x...x");
    EXPECT_EQ(untainted("{{ [v, 'a'] | join('|') }}{{ v | list | join }}{{ v.split('x') | join('y') }}"),
              "...|a....y.");
    EXPECT_EQ(untainted("{{ '<%s>' % v }}{{ '<{}>'.format(v) }}{{ '[%5s]' | format(v) }}"), "<...><...>[  ...]");
    EXPECT_EQ(untainted("{{ v | tojson }}{{ {'k': 'w'} | tojson }}{{ [v] }}{{ 12 }}"),
              std::string(5 + 10 + 7 + 2, '.'));
    EXPECT_EQ(untainted("{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m(v) | upper }}{{ m('a') }}"), "[...][a]");
    EXPECT_EQ(untainted("{% set t %}<{{ v }}>{% endset %}{{ t }}{% filter upper %}a{{ v }}{% endfilter %}"),
              "<...>A...");
    EXPECT_EQ(untainted("{% for c in v %}{{ c }},{% endfor %}{{ v | first }}{{ v | indent(2, true) }}"),
              ".,.,.,.  ...");
    EXPECT_EQ(untainted("{{ v | escape }}{{ v | safe }}{{ v | string }}{{ v | default('d') }}"),
              std::string(9 + 9, '.'));
}

TEST(Jinja, GenerationBlocksMarkTheirOutput) {
    std::string text;
    for (char32_t c : rendered("a{% generation %}b{{ v }}{% endgeneration %}c", {{"v", text_value("d")}}))
        text += c & generated ? static_cast<char>(code_of(c)) : '.';
    EXPECT_EQ(text, ".bd.");
}

TEST(Jinja, ErrorsNameTheFileTheLineAndTheProblem) {
    EXPECT_EQ(problem("a\n{{ v | nosuch }}"), "x.jinja:2: unknown or unsupported filter 'nosuch'");
    EXPECT_EQ(problem("{{ v is nosuch }}"), "x.jinja:1: unknown or unsupported test 'nosuch'");
    EXPECT_EQ(problem("\n\n{% if v %}\n{{ raise_exception('no ' ~ v) }}{% endif %}"), "x.jinja:4: no x");
    EXPECT_EQ(problem("{{ w.role }}"), "x.jinja:1: 'w' is undefined");
    EXPECT_EQ(problem("{{ v.role.name }}"), "x.jinja:1: 'role' is undefined");
    EXPECT_EQ(problem("{{ none[0].name }}"), "x.jinja:1: '[0]' is undefined");
    EXPECT_EQ(problem("{% if v %}\n{% include 'y' %}{% endif %}"), "x.jinja:2: {% include %} is not supported");
    EXPECT_EQ(problem("{% if v %}\n{% endfor %}"), "x.jinja:2: expected {% endif %}, found {% endfor %}");
    EXPECT_EQ(problem("{% endif %}"), "x.jinja:1: unexpected {% endif %}");
    EXPECT_EQ(problem("{{ v"), "x.jinja:1: unterminated tag: close it with }}");
    EXPECT_EQ(problem("{% for x in v %}"), "x.jinja:1: expected {% endfor %}, found the end of the template");
    EXPECT_EQ(problem("{{ v | replace('a') }}"), "x.jinja:1: replace: argument 'new' is missing");
    EXPECT_EQ(problem("{{ 1\n+ 'a' }}"), "x.jinja:2: unsupported operand types for +: 'int' and 'str'");
    EXPECT_EQ(problem("{% for x in v %}\n{% set loop = x %}{% endfor %}"),
              "x.jinja:2: cannot assign to 'loop' in a loop");
    EXPECT_EQ(problem("{{ self }}"), "x.jinja:1: a 'function' has no text form");
    EXPECT_EQ(problem("{{ [1].append(2) }}"),
              "x.jinja:1: append() would modify a list: values are immutable in templates");
}

TEST(Jinja, StrftimeNowWithoutATimeIsAnError) {
    Budget budget{Limits{}};
    Tree tree = parse("{{ strftime_now('%Y') }}", "x.jinja");
    EXPECT_THAT(error_of([&] { render(tree, {}, std::nullopt, budget); }), HasSubstr("needs a date"));
}

std::string repeated(std::string_view text, size_t n) {
    std::string all;
    for (size_t i = 0; i < n; ++i) all += text;
    return all;
}

TEST(Jinja, JsonIntegersKeepTheirDigits) {
    Budget budget{Limits{}};
    Value json =
        parse_json(R"([12345678901234567890123, -9223372036854775808, 18446744073709551615, 1e2])", "x", budget);
    EXPECT_EQ(output("{{ v | tojson }} {{ v[0] }}", {{"v", json}}),
              "[12345678901234567890123, -9223372036854775808, 18446744073709551615, 100.0] 12345678901234567890123");
    EXPECT_THAT(error_of([&] { output("{{ v[0] + 1 }}", {{"v", json}}); }), HasSubstr("more than 64 bits"));
    EXPECT_THAT(problem("{{ 9223372036854775807 + 1 }}"), HasSubstr("more than 64 bits"));
    EXPECT_THAT(problem("{{ -9223372036854775807 - 2 }}"), HasSubstr("more than 64 bits"));
    EXPECT_THAT(problem("{{ 3 ** 99 }}"), HasSubstr("more than 64 bits"));
}

// As Python: an integer is not rounded to the nearest float.
TEST(Jinja, NumbersAreComparedExactly) {
    for (const char* fact :
         {"9007199254740993 > 9007199254740992.0", "9007199254740992 == 9007199254740992.0",
          "9223372036854775807 < 9223372036854775808.0", "9223372036854775808 == 9223372036854775808.0",
          "-9223372036854775809 < -9223372036854775808.0", "10000000000000000000001 < 10000000000000000000002",
          "-10000000000000000000002 < -10000000000000000000001", "0 == -0.0", "true == 1.0",
          "99999999999999999999 < 1e400", "-99999999999999999999 > -1e400"})
        EXPECT_EQ(output(std::string("{{ ") + fact + " }}", {}), "True") << fact;
}

TEST(Jinja, JsonKeepsTheOrderOfKeysAndWhatPythonReads) {
    Budget budget{Limits{}};
    Value json = parse_json(R"({"z": NaN, "a": -Infinity, "z": [null, true, {}, "\u00e9"]})", "x", budget);
    EXPECT_EQ(output("{{ v | tojson }}", {{"v", json}}), R"({"z": [null, true, {}, "é"], "a": -Infinity})");
}

// The parameters are those of transformers; Jinja2's own tojson has another order.
TEST(Jinja, ToJsonIsTransformers) {
    EXPECT_EQ(output("{{ ['\u00e9', 1] | tojson(2) }}"), "[\"\\u00e9\", 1]");
    EXPECT_EQ(output("{{ [1] | tojson(false, 2) }}"), "[\n  1\n]");
    for (const char* value : {"range(3)", "{'a': 1}.items()", "{'a': 1}.keys()"})
        EXPECT_THAT(problem(fmt::format("{{{{ {} | tojson }}}}", value)), HasSubstr("is not JSON serializable"));
}

TEST(Jinja, UnusableJsonIsRejectedWithItsPlace) {
    auto error = [](const std::string& json, const Limits& limits = {}) {
        Budget budget{limits};
        return error_of([&] { parse_json(json, "arguments of f", budget); });
    };
    EXPECT_THAT(error("{"), StartsWith("arguments of f: not valid JSON at byte 1"));
    EXPECT_EQ(error(R"({"a": [1e999]})"), "arguments of f: 'a[0]' is out of range: 1e999");
    EXPECT_THAT(error(R"({"a": "\ud800"})"), StartsWith("arguments of f: 'a' contains a lone surrogate"));
    EXPECT_EQ(error(repeated("[", 400) + repeated("]", 400)), "no error");
    EXPECT_THAT(error(repeated("[", 401) + repeated("]", 401)), HasSubstr("is nested too deep: more than 400 levels"));
    EXPECT_THAT(error("[" + repeated("0,", 100) + "0]", {.characters = 800}), HasSubstr("exceeds the limit of 800"));
    EXPECT_THAT(error(R"(["abcdefgh"])", {.characters = 8}), HasSubstr("exceeds the limit of 8 characters"));
}

TEST(Jinja, InvalidUtf8IsPreserved) {
    EXPECT_EQ(output("{{ v }}{{ v | length }}", {{"v", Value(decode_utf8("a\xff\xc3z", from_value))}}), "a\xff\xc3z4");
    EXPECT_EQ(output("a\xff{{ 'b\xfe' }}"),
              "a\xff"
              "b\xfe");
}

TEST(Jinja, EndlessLoopsEndWithOneLine) {
    Limits few{.steps = 1000};
    EXPECT_EQ(problem("{% set v = range(99) %}\n" + repeated("{% for a in v %}", 3) + repeated("{% endfor %}", 3), few),
              "x.jinja:2: the template exceeds the limit of 1000 steps: does it loop without end?");
    EXPECT_EQ(problem("{{ range(999999999) }}"), "x.jinja:1: range() of more than 100000 items");
}

TEST(Jinja, EndlessRecursionEndsWithOneLine) {
    std::string expected = "x.jinja:1: maximum recursion depth of 800 exceeded";
    EXPECT_EQ(problem("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), expected);
    EXPECT_EQ(problem("{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}"), expected);
}

TEST(Jinja, DeeplyNestedSourceEndsWithOneLine) {
    std::string expected = "x.jinja:1: blocks and expressions nest more than 100 deep";
    EXPECT_EQ(problem("{{ " + repeated("[", 5000) + repeated("]", 5000) + "}}"), expected);
    EXPECT_EQ(problem(repeated("{% if v %}", 5000)), expected);
    EXPECT_EQ(problem("{{ 1" + repeated(" + 1", 5000) + " }}"),
              "x.jinja:1: an expression nests more than 400 operations: split it");
    EXPECT_EQ(problem(repeated("x", 2 << 20)), "x.jinja: the template has 2097152 bytes, the limit is 1048576");
}

TEST(Jinja, UnboundedTextAndDataEndWithOneLine) {
    std::string loop = "{% for i in range(999) %}", end = "{% endfor %}";
    for (const std::string& source :
         {"{{ 'x' * 999999999999 }}" + std::string(), loop + "{{ 'x' * 999999 }}" + end,
          "{% set n = namespace(t='x') %}" + loop + "{% set n.t = n.t + n.t %}" + end,
          "{% set n = namespace(t=[1]) %}" + loop + "{% set n.t = n.t + n.t %}" + end,
          "{% set n = namespace(t=[0]) %}" + loop + "{% if i < 60 %}{% set n.t = [n.t, n.t] %}{% endif %}" + end +
              "{{ n.t }}",
          std::string("{{ 'x'.center(99999999999) }}"), std::string("{{ ('a' * 60000).replace('', 'b' * 60000) }}"),
          std::string("{{ ('a' * 4000000) in ('a' * 3999999 + 'b') * 2 }}")}) {
        std::string message = problem(source);
        EXPECT_THAT(message, StartsWith("x.jinja:1: the template exceeds the limit of ")) << source << message;
        EXPECT_THAT(message, EndsWith(": does it loop without end?")) << source << message;
    }
    EXPECT_EQ(problem("{% set n = namespace(t=[]) %}" + loop + "{% set n.t = [n.t] %}" + end),
              "x.jinja:1: lists and dicts nest more than 400 deep");
    EXPECT_EQ(problem("{{ '%999999999d' % 1 }}"), "x.jinja:1: a width or precision in a format exceeds 10000");
}

// Otherwise a loop could repeat it without ever reaching a limit.
TEST(Jinja, WhatTakesLongWithLongTextCosts) {
    Limits limits{.steps = 100'000};
    for (const char* expression :
         {"s | string",   "s | safe",    "s | wordcount", "s | int",  "s | float",    "s is upper",
          "s is lower",   "s.isalpha()", "s | e",         "s | trim", "s == s ~ 'a'", "'b' in s",
          "s.count('b')", "s.find('b')", "s[1:]",         "s ~ 'b'",  "s | tojson",   "strftime_now(s)",
          "s | unique",   "{s: 1}",      "s.split('b')",  "s < t",    "'%s' % s",     "s.format()"}) {
        std::string source = fmt::format(
            "{{% set s = 'a' * 200000 %}}{{% set t = s ~ 'a' %}}{{% for i in range(1000) %}}"
            "{{% set x = {} %}}{{% endfor %}}",
            expression);
        EXPECT_THAT(problem(source, limits), HasSubstr("the template exceeds the limit of ")) << expression;
    }
    std::string many = "{% set n = namespace(**d) %}{% for i in range(1000) %}{% set x = n.zz %}{% endfor %}";
    Dict dict;
    Budget unlimited{Limits{}};
    for (int i = 0; i < 20'000; ++i) dict.set(text_value(fmt::format("k{}", i)), None{}, unlimited);
    Value d = make_dict(std::move(dict), unlimited);
    EXPECT_THAT(error_of([&] { rendered(many, {{"d", d}}, limits); }), HasSubstr("limit of 100000 steps"));
    std::string variables;
    for (int i = 0; i < 20'000; ++i) variables += fmt::format("{{% set a{} = 1 %}}", i);
    EXPECT_THAT(problem(variables + "{% for i in range(1000) %}{{ zz }}{% endfor %}", limits),
                HasSubstr("limit of 100000 steps"));
}

TEST(Jinja, MacrosAndLoopsOutliveTheirScopes) {
    EXPECT_EQ(
        output("{% set n = namespace() %}{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{% set n.m = m %}"
               "{% set n.l = loop %}{% endfor %}{{ n.m() }}{{ n.l.index }}"),
        "22");
    EXPECT_EQ(output("{% set n = namespace() %}{% set n.n = n %}{{ n.n.n is defined }}"), "True");
}

}  // namespace
}  // namespace puna::jinja
