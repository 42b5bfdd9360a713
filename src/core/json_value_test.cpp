#include "core/json_value.h"

#include "core/error.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(JsonValue, MembersAndItemsAreCompleteAndVerbatim) {
    std::vector<std::string> members, items, texts;
    std::string_view json = R"( {"a": [1, {"b": [2]}], "c" : "x\ny", "d": 12345678901234567890123} )";
    EXPECT_TRUE(for_each_member(json, "x.json", [&](std::string_view name, const JsonValue& member) {
        members.push_back(fmt::format("{}={}", name, member.raw));
        if (member.is_string()) texts.push_back(text_of(member, "x.json"));
        if (member.is_array())
            for_each_item(member.raw, "x.json", [&](const JsonValue& item) { items.emplace_back(item.raw); });
    }));
    EXPECT_EQ(members, (std::vector<std::string>{R"(a=[1, {"b": [2]}])", R"(c="x\ny")", "d=12345678901234567890123"}));
    EXPECT_EQ(texts, std::vector<std::string>{"x\ny"});
    EXPECT_EQ(items, (std::vector<std::string>{"1", R"({"b": [2]})"}));
}

TEST(JsonValue, OtherKindsHaveNoMembersAndNoItems) {
    auto none = [](auto&&...) { FAIL(); };
    for (const char* json : {"[[1]]", "7", "\"x\"", "null"})
        EXPECT_FALSE(for_each_member(json, "x.json", none)) << json;
    for (const char* json : {R"({"a": 1})", "7", "true"}) EXPECT_FALSE(for_each_item(json, "x.json", none)) << json;
    EXPECT_TRUE(for_each_member("{}", "x.json", none) && for_each_item("[]", "x.json", none));
}

TEST(JsonValue, TheLastOfMembersWithOneNameAndTheFirstItemAreFound) {
    EXPECT_EQ(find_member(R"({"a": 1, "b": [2], "a": 3})", "a", "x.json")->raw, "3");
    EXPECT_EQ(first_item(R"([{"a": 1}, 2])", "x.json")->raw, R"({"a": 1})");
    EXPECT_FALSE(find_member(R"({"a": {"b": 1}})", "b", "x.json") || find_member("[1]", "a", "x.json"));
    EXPECT_FALSE(first_item("[]", "x.json") || first_item(R"({"a": [1]})", "x.json"));
}

TEST(JsonValue, IntegersAreThoseOf64Bits) {
    std::vector<std::optional<int64_t>> integers;
    for_each_item(R"([-7, 9223372036854775807, 9223372036854775808, 1.0, 1e2, "3", null])", "x.json",
                  [&](const JsonValue& item) { integers.push_back(integer_of(item)); });
    EXPECT_EQ(integers, (std::vector<std::optional<int64_t>>{-7, INT64_MAX, {}, {}, {}, {}, {}}));
}

TEST(JsonValue, CompactJsonRemovesWhitespaceOutsideStrings) {
    EXPECT_EQ(compact_json(" { \"a b\" : [ 1 ,\n 2.50 ],\t\"\\\" \": \" \\\\\" } "), R"({"a b":[1,2.50],"\" ":" \\"})");
}

TEST(JsonValue, LoneSurrogatesAreRejectedOnlyOnDecoding) {
    EXPECT_THROW(text_of({JsonEvent::string, R"("half: \ud800")"}, "x.json"), Error);
    EXPECT_THROW(for_each_item("[1", "x.json", [](const JsonValue&) {}), Error);
}

}  // namespace
}  // namespace puna
