#include "core/json_text.h"

#include "core/json_document.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace puna {
namespace {

TEST(JsonText, ObjectsKeepTheOrderOfTheirMembers) {
    JsonObject row{{"step", 3}, {"loss", 0.25}, {"last", false}, {"next", nullptr}, {"ids", std::vector<int>{1, -2}}};
    row.add("nested", JsonObject{{"names", std::vector<std::string>{"a", "b"}}});
    JsonList list;
    list.add(JsonObject{});
    list.add(std::vector<double>{});
    row.add("list", list);
    EXPECT_EQ(row.text(), R"({"step":3,"loss":0.25,"last":false,"next":null,"ids":[1,-2],"nested":{"names":["a","b"]},)"
                          R"("list":[{},[]]})");
}

TEST(JsonText, NumbersReadBackAsTheSameValue) {
    for (double value : {0.1, 1e-5, 1.0 / 3, 1e300, -0.0, 123456789012345680.0, 5e-324}) {
        JsonText text = value;
        JsonDocument document(text.text(), "number");
        EXPECT_EQ(document.root().number(), value);
    }
    EXPECT_EQ(JsonText(0.7f).text(), "0.7");
    EXPECT_EQ(JsonText(1.0).text(), "1.0") << "a number with a fraction stays one";
    EXPECT_EQ(JsonText(std::numeric_limits<uint64_t>::max()).text(), "18446744073709551615");
    EXPECT_EQ(JsonText(std::nan("")).text(), "null");
    EXPECT_EQ(JsonText(std::numeric_limits<float>::infinity()).text(), "null");
}

TEST(JsonText, MembersOfACopyAreReplacedOrAppended) {
    JsonDocument document(R"({"a": 1, "b": [1.50], "a": 2, "c": "x"})", "x.json");
    EXPECT_EQ(with_members(document.root(), {{"c", 3}, {"d", true}}).text(), R"({"a":2,"b":[1.50],"c":3,"d":true})");
}

TEST(JsonText, StringsAreQuotedAndValidUtf8) {
    EXPECT_EQ(quote_json("a\"b\\c\n\t\x01/\u00e9"), R"("a\"b\\c\n\t\u0001/)"
                                                    "\u00e9\"");
    EXPECT_EQ(quote_json("\xff"), "\"\ufffd\"");
    EXPECT_EQ(JsonText(std::string_view("\0", 1)).text(), R"("\u0000")");
    EXPECT_EQ((JsonObject{{"a\"b", "c"}}.text()), R"({"a\"b":"c"})");
}

TEST(JsonText, CompactJsonRemovesWhitespaceOutsideStrings) {
    EXPECT_EQ(compact_json(" { \"a b\" : [ 1 ,\n 2.50 ],\t\"\\\" \": \" \\\\\" } "), R"({"a b":[1,2.50],"\" ":" \\"})");
}

TEST(JsonText, IndentJsonPutsEachMemberAndItemOnALine) {
    EXPECT_EQ(indent_json(R"({"a": [1,{"b":"x,{\"y"}], "c": {}, "d": [ ], "e": [[]]})", 2), R"({
  "a": [
    1,
    {
      "b": "x,{\"y"
    }
  ],
  "c": {},
  "d": [],
  "e": [
    []
  ]
})");
    EXPECT_EQ(indent_json(R"({"a":[{"b":[1,2]},[]],"c":{}})", 2, 2), R"({
  "a": [
    {"b": [1, 2]},
    []
  ],
  "c": {}
})");
    std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_LT(indent_json(deep, 2).size(), deep.size() + 1000);
    EXPECT_EQ(indent_json("7", 2), "7");
    EXPECT_EQ(indent_json("[1]", 0), "[\n1\n]");
}

}  // namespace
}  // namespace puna
