#include "data/sources.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

std::string problem_of(std::string_view text) {
    return error_of([&] { parse_sources(text, "set/sources.jsonl"); });
}

TEST(Sources, WrittenLinesAreReadBack) {
    Source written{.name = "a \"b\".txt", .hash = 0xabc, .documents = 3, .tokens = 500, .bytes = 2000};
    std::string text = source_json(written) + "\n" + source_json({.name = "part.txt"}) + "\n";
    EXPECT_EQ(text.substr(0, text.find('\n')),
              R"({"name":"a \"b\".txt","hash":"0000000000000abc","documents":3,"tokens":500,"bytes":2000})");
    std::vector<Source> read = parse_sources(text, "sources.jsonl");
    ASSERT_EQ(read.size(), 2u);
    EXPECT_EQ(source_json(read[0]), source_json(written));
    EXPECT_EQ(read[1].hash, 0u);
}

TEST(Sources, UnknownFieldsAreIgnoredWhateverTheyHold) {
    std::string deep(1'000'000, '[');
    deep += std::string(deep.size(), ']');
    std::string text = R"({"name": "a", "x": 1e999, "y": "\ud800", "z": )" + deep + "}\n";
    EXPECT_EQ(source_json(parse_sources(text, "s")[0]), source_json({.name = "a"}));
}

TEST(Sources, InvalidLinesAreRejectedByNumberAndField) {
    EXPECT_EQ(problem_of("{\"name\": \"a\"}\n[]\n"), "set/sources.jsonl:2: not a JSON object; pack the data again");
    EXPECT_EQ(problem_of("{}"), "set/sources.jsonl:1: has no 'name'; pack the data again");
    EXPECT_THAT(problem_of("{"), HasSubstr("set/sources.jsonl:1: not valid JSON"));
    EXPECT_THAT(problem_of(R"({"name": "a", "documents": 1e999})"), HasSubstr("'documents' must be an integer"));
    EXPECT_THAT(problem_of(R"({"name": "a", "tokens": -1})"), HasSubstr("'tokens' must be at least 0"));
    EXPECT_THAT(problem_of(R"({"name": "a", "hash": "xyz"})"), HasSubstr("'hash' must be"));
    EXPECT_THAT(problem_of(R"({"name": "a", "hash": 7})"), HasSubstr("'hash' must be"));
}

}  // namespace
}  // namespace puna
