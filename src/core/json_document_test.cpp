#include "core/json_document.h"

#include "core/test_error.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

// The message of the Error that f(root) throws.
template <class F>
std::string read_error(std::string_view text, F f, const JsonLimits& limits = {}) {
    return error_of([&] { f(JsonDocument(text, "x.json", limits).root()); });
}

TEST(JsonDocument, ValuesAreConvertedWhenTheyAreAskedFor) {
    std::string text = R"({"a": -7, "b": 0.5, "c": true, "d": "x\n\u00e9", "e": [1, [2], {}], "f": {"g": 1e3}})";
    JsonDocument document(text, "x.json");
    JsonNode root = document.root();
    EXPECT_EQ(root.need("a").integer(), -7);
    EXPECT_EQ(root.need("a").number(), -7);
    EXPECT_EQ(root.need("b").number(), 0.5);
    EXPECT_TRUE(root.need("c").boolean());
    EXPECT_EQ(root.need("d").text(), "x\n\u00e9");
    EXPECT_EQ(root.need("e").items().size(), 3u);
    EXPECT_EQ(root.need("e").items()[1].raw(), "[2]");
    EXPECT_EQ(root.need("f").need("g").number(), 1000);
    EXPECT_EQ(root.members()[5].name, "f");
    EXPECT_EQ(root.members()[5].value.raw(), R"({"g": 1e3})");
    EXPECT_EQ(root.need("c").position(), text.find("true"));
}

TEST(JsonDocument, IntegersAreThoseOf64Bits) {
    JsonDocument document(R"([-7, 9223372036854775807, 9223372036854775808, 1.0, 1e2, "3", null])", "x.json");
    std::vector<std::optional<int64_t>> integers;
    for (JsonNode item : document.root().items()) integers.push_back(item.try_integer());
    EXPECT_EQ(integers, (std::vector<std::optional<int64_t>>{-7, INT64_MAX, {}, {}, {}, {}, {}}));
}

TEST(JsonDocument, AbsentAndNullMembersHaveTheFallback) {
    JsonDocument document(R"({"a": null, "b": 2})", "x.json");
    JsonNode root = document.root();
    EXPECT_EQ(root.integer("a", 4), 4);
    EXPECT_EQ(root.integer("b", 4), 2);
    EXPECT_EQ(root.number("c", 0.5), 0.5);
    EXPECT_TRUE(root.boolean("a", true));
    EXPECT_EQ(root.text("c", "none"), "none");
    EXPECT_TRUE(root.find_any("a") && !root.find("a") && !root.find_any("c"));
}

TEST(JsonDocument, ErrorsNameThePath) {
    std::string text = R"({"rope": {"factor": "x"}, "list": [0, {"a": [true, 1.5]}], "big": 123456789012345678901,
                           "huge": 1e999, "half": "\ud800", "two\nlines": 1, "below": -1})";
    auto error = [&](auto f) { return read_error(text, f); };
    EXPECT_EQ(error([](JsonNode n) { n.need("rope").need("factor").number(); }),
              "x.json: 'rope.factor' must be a number");
    EXPECT_EQ(error([](JsonNode n) { n.need("rope").need("low").number(); }), "x.json: 'rope.low' is missing");
    EXPECT_EQ(error([](JsonNode n) { n.need("list").items()[1].need("a").items()[0].integer(); }),
              "x.json: 'list[1].a[0]' must be an integer");
    EXPECT_EQ(error([](JsonNode n) { n.need("list").items()[1].need("a").items()[1].integer(); }),
              "x.json: 'list[1].a[1]' must be an integer");
    EXPECT_EQ(error([](JsonNode n) { n.integer("big", 0); }),
              "x.json: 'big' is 123456789012345678901, which does not fit in 64 bits");
    EXPECT_EQ(error([](JsonNode n) { n.count("below"); }), "x.json: 'below' is -1; it must be at least 0");
    EXPECT_EQ(error([](JsonNode n) { n.number("huge", 0); }), "x.json: 'huge' is out of range: 1e999");
    EXPECT_EQ(error([](JsonNode n) { n.text("half", ""); }).find("x.json: 'half' contains a lone surrogate"), 0u);
    EXPECT_EQ(error([](JsonNode n) { n.text("rope", ""); }), "x.json: 'rope' must be a string");
    EXPECT_EQ(error([](JsonNode n) { n.boolean("rope", false); }), "x.json: 'rope' must be true or false");
    EXPECT_EQ(error([](JsonNode n) { n.need("rope").items(); }), "x.json: 'rope' must be a list");
    EXPECT_EQ(error([](JsonNode n) { n.need("list").members(); }), "x.json: 'list' must be an object");
    EXPECT_EQ(error([](JsonNode n) { n.members()[5].value.reject("is odd"); }), R"(x.json: 'two\x0alines' is odd)");
    EXPECT_EQ(read_error("[1]", [](JsonNode n) { n.find("a"); }), "x.json: not a JSON object");
    EXPECT_EQ(read_error("{}", [](JsonNode n) { n.items(); }), "x.json: must be a list");
    EXPECT_EQ(read_error("{", [](JsonNode) {}), "x.json: not valid JSON at byte 1: unexpected end of input");
}

TEST(JsonDocument, UnusedValuesMayHoldAnything) {
    std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    std::string text = R"({"a": 1e999, "b": "\ud800", "c": )" + deep + R"(, "d": NaN, "d": 1, "e": 2})";
    JsonDocument document(text, "x.json");
    EXPECT_EQ(document.root().need("e").integer(), 2);
    EXPECT_EQ(document.root().members().size(), 6u);
    EXPECT_EQ(document.root().need("c").raw(), deep);
}

TEST(JsonDocument, UniqueMembersHaveTheLastValueInTheFirstPlace) {
    std::string text = R"({"a": 1, "b": 2, "\u0061": 3, "c": 4, "b": null})", names, values;
    JsonDocument document(text, "x.json");
    for (const JsonMember& member : document.root().unique_members()) {
        names += member.name;
        values += member.value.raw();
    }
    EXPECT_EQ(names, "abc");
    EXPECT_EQ(values, "3null4");
}

TEST(JsonDocument, OfARepeatedNameTheLastCountsOrNone) {
    std::string text = R"({"a": 1, "\u0061": 2, "b": {"c": 1, "c": 1}})";
    EXPECT_EQ(JsonDocument(text, "x.json").root().need("a").integer(), 2);
    JsonLimits unique{.names = JsonNames::unique};
    EXPECT_EQ(read_error(
                  text, [](JsonNode n) { n.find("a"); }, unique),
              "x.json: duplicate field 'a': keep one");
    EXPECT_EQ(read_error(
                  text, [](JsonNode n) { n.need("b").find_any("c"); }, unique),
              "x.json: duplicate field 'b.c': keep one");
    EXPECT_EQ(read_error(
                  text, [](JsonNode n) { n.need("b").find("d"); }, unique),
              "no error");
    auto all = [](JsonNode n) { n.unique_members(); };
    EXPECT_EQ(read_error(text, all, {.names = JsonNames::one_value}), "x.json: duplicate field 'a': keep one");
    EXPECT_EQ(read_error(R"({"a": 1, "a": 1})", all, {.names = JsonNames::one_value}), "no error");
    EXPECT_EQ(read_error(text, all), "no error");
}

TEST(JsonDocument, SizeNumberOfValuesAndDepthAreLimited) {
    auto nothing = [](JsonNode) {};
    EXPECT_EQ(read_error("[1, 2]", nothing, {.bytes = 5}), "x.json: 6 bytes are too many, at most 5 are read");
    EXPECT_EQ(read_error("[1, 2]", nothing, {.bytes = 6}), "no error");
    EXPECT_EQ(read_error(R"({"a": [1, 2]})", nothing, {.values = 3}), "x.json: has more than 3 values");
    EXPECT_EQ(read_error(R"({"a": [1, 2]})", nothing, {.values = 4}), "no error");
    auto open = [](JsonNode n) { n.need("a").items()[0].items(); };
    EXPECT_EQ(read_error(R"({"a": [[1]]})", open, {.depth = 2}),
              "x.json: 'a[0]' is nested too deep: more than 2 levels");
    EXPECT_EQ(read_error(R"({"a": [[1]]})", open, {.depth = 3}), "no error");
}

TEST(JsonDocument, PositionsCountAByteOrderMark) {
    JsonDocument document("\xef\xbb\xbf{\"a\": 1}", "x.json");
    EXPECT_EQ(document.root().need("a").position(), 9u);
    EXPECT_EQ(document.root().raw(), "{\"a\": 1}");
}

}  // namespace
}  // namespace puna
