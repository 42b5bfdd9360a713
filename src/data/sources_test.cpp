#include "data/sources.h"

#include "core/test_error.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

std::string problem_of(std::string_view text) {
    return error_message([&] { parse_sources(text, "set/sources.jsonl"); });
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
    EXPECT_EQ(problem_of("{\"name\": \"a\"}\n[]\n"),
              "set/sources.jsonl:2: not a JSON object with the field 'name'; pack the data again");
    EXPECT_NE(problem_of("{").find("set/sources.jsonl:1: line: not valid JSON"), std::string::npos);
    EXPECT_NE(problem_of(R"({"name": "a", "documents": 1e999})").find("documents must be an integer"),
              std::string::npos);
    EXPECT_NE(problem_of(R"({"name": "a", "tokens": -1})").find("tokens must be at least 0"), std::string::npos);
    EXPECT_NE(problem_of(R"({"name": "a", "hash": "xyz"})").find("hash must be"), std::string::npos);
    EXPECT_NE(problem_of(R"({"name": "a", "hash": 7})").find("hash must be"), std::string::npos);
}

}  // namespace
}  // namespace puna
