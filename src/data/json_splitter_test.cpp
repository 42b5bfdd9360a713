#include "data/json_splitter.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Records = std::vector<std::string>;

// The records and, before each, its place; the file is read in parts of `part` bytes.
std::pair<Records, Records> split(std::string_view file, size_t part = 1000) {
    JsonSplitter splitter("x.json");
    std::string text;
    size_t at = 0;
    Records records, places;
    for (size_t read = 0; read < file.size(); read += part) {
        text.erase(0, at);
        at = 0;
        text += file.substr(read, part);
        while (std::optional<JsonSplitter::Record> record = splitter.next(text, at, read + part >= file.size())) {
            records.push_back(text.substr(record->begin, record->end - record->begin));
            places.push_back(record_place("x.json", record->line, record->item));
        }
    }
    return {records, places};
}

std::string problem(std::string_view file) {
    return error_of([&] { split(file); });
}

TEST(JsonSplitter, TheItemsOfAnArrayAreRecords) {
    std::string file = " [ {\"a\": [1, {}], \"b\": \"]},\\\"[\"} ,\n\"s,\\\\\",\n\n[[2]],3 , null]\n ";
    for (size_t part : {1, 2, 3, 7, 1000}) {
        auto [records, places] = split(file, part);
        EXPECT_EQ(records, (Records{R"({"a": [1, {}], "b": "]},\"["})", R"("s,\\")", "[[2]]", "3", "null"})) << part;
        EXPECT_EQ(places, (Records{"x.json[0]", "x.json[1] (line 2)", "x.json[2] (line 4)", "x.json[3] (line 4)",
                                   "x.json[4] (line 4)"}))
            << part;
    }
    EXPECT_EQ(split("[]").first, Records{});
    EXPECT_EQ(split(" \n").first, Records{});
}

TEST(JsonSplitter, ValuesWithoutAnArrayFollowOneAnother) {
    for (size_t part : {1, 4, 1000}) {
        auto [records, places] = split("{\n\"a\": 1}\n{\"b\": 2}{}\n\n\"c\"\n", part);
        EXPECT_EQ(records, (Records{"{\n\"a\": 1}", "{\"b\": 2}", "{}", "\"c\""})) << part;
        EXPECT_EQ(places, (Records{"x.json:1", "x.json:3", "x.json:3", "x.json:5"})) << part;
    }
}

TEST(JsonSplitter, ADocumentThatCannotBeToldFromTheNextIsNamed) {
    EXPECT_EQ(problem(R"([{"a": 1}, {"b": [2}, {}])"), "x.json[1]: not valid JSON at byte 8: expected ',' or ']'");
    EXPECT_EQ(problem("[{\"a\": 1},\n{\"b\": \"x},\n{}]"),
              "x.json[1] (line 2): not valid JSON at byte 10: unescaped control character in a string");
    EXPECT_EQ(problem(R"([{"a": 1}, {"b": "x)"), "x.json[1]: not valid JSON at byte 8: unexpected end of input");
    EXPECT_THAT(problem("[{\"a\": 1}\n{}]"), StartsWith("x.json:2: not valid JSON: expected ',' or ']'"));
    EXPECT_THAT(problem("[{}\n"), StartsWith("x.json:2: not valid JSON: the array does not end"));
    EXPECT_THAT(problem("[{}] {}"), HasSubstr("unexpected text after the array"));
    for (const char* file : {"[{},]", "[,{}]", "[:]", "a text", "{},{}", "{}]", "7"})
        EXPECT_THAT(problem(file), HasSubstr("expected an object, an array or a string")) << file;
}

TEST(JsonSplitter, DeepNestingIsNoProblem) {
    std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_EQ(split("[{\"a\": " + deep + "}, {}]").first.size(), 2u);
}

}  // namespace
}  // namespace puna
