#include "core/fields.h"

#include "core/error.h"

#include <gtest/gtest.h>

#include <functional>

namespace puna {
namespace {

struct Options {
    bool fast = false;
    int layers = 8;
    int64_t seed = -1;
    uint64_t bytes = 0;
    float temperature = 0.7f;
    double rate = 3e-4;
    std::string name = "tiny";
    std::vector<std::string> files;
};

template <class F>
void fields(Options& o, F field) {
    field("fast", o.fast, "a");
    field("layers", o.layers, "b");
    field("seed", o.seed, "c");
    field("bytes", o.bytes, "d");
    field("temperature", o.temperature, "e");
    field("rate", o.rate, "f");
    field("name", o.name, "g");
    field("files", o.files, "h");
}

std::string error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

std::string set(Options& options, std::string_view name, std::string_view text) {
    for (Field& field : list_fields(options))
        if (field.name == name) return error_of([&] { set_from_text(field, text); });
    return "no such field";
}

std::string read(Options& options, std::string_view json) {
    std::vector<Field> list = list_fields(options);
    return error_of([&] { from_json(list, json, "recipe.json"); });
}

TEST(Fields, TextRoundTrips) {
    Options options;
    for (auto [name, text] :
         std::initializer_list<std::pair<std::string_view, std::string_view>>{{"fast", "true"},
                                                                              {"layers", "-3"},
                                                                              {"seed", "-9223372036854775808"},
                                                                              {"bytes", "18446744073709551615"},
                                                                              {"temperature", "0.1"},
                                                                              {"rate", "1e-300"},
                                                                              {"name", ""},
                                                                              {"files", "a,b,,c"}}) {
        EXPECT_EQ(set(options, name, text), "no error") << name;
        for (Field& field : list_fields(options))
            EXPECT_TRUE(field.name != name || to_text(field) == text) << to_text(field);
    }
    EXPECT_EQ(options.files, (std::vector<std::string>{"a", "b", "", "c"}));
}

TEST(Fields, InvalidTextIsRejectedByFieldName) {
    Options options;
    EXPECT_EQ(set(options, "temperature", "hot"), "temperature: 'hot' is not a number");
    EXPECT_EQ(set(options, "temperature", "1e99"), "temperature: 1e99 is out of range");
    EXPECT_EQ(set(options, "temperature", "nan"), "temperature: 'nan' is not a number");
    EXPECT_EQ(set(options, "rate", "inf"), "rate: 'inf' is not a number");
    EXPECT_EQ(set(options, "layers", "1.5"), "layers: '1.5' is not a whole number");
    EXPECT_EQ(set(options, "layers", ""), "layers: '' is not a whole number");
    EXPECT_EQ(set(options, "layers", "3000000000"), "layers: 3000000000 is out of range");
    EXPECT_EQ(set(options, "bytes", "-1"), "bytes: '-1' is not a whole number");
    EXPECT_EQ(set(options, "fast", "yes"), "fast: 'yes' must be true or false");
    EXPECT_EQ(options.layers, 8) << "a rejected value leaves the field unchanged";
}

TEST(Fields, JsonRoundTrips) {
    Options options{true, 3, 4, 5, 0.7f, 1e-5, "a\"b", {"x", "y"}}, back;
    std::string json = to_json(list_fields(options));
    EXPECT_NE(json.find("\"temperature\":0.7,"), json.npos) << json;
    EXPECT_EQ(read(back, json), "no error");
    EXPECT_EQ(to_json(list_fields(back)), json);
    EXPECT_EQ(back.temperature, 0.7f);
    EXPECT_EQ(back.name, "a\"b");
}

TEST(Fields, MissingKeysLeaveFieldsUnchanged) {
    Options options;
    EXPECT_EQ(read(options, R"({"layers": 2})"), "no error");
    EXPECT_EQ(options.layers, 2);
    EXPECT_EQ(options.name, "tiny");
}

TEST(Fields, InvalidJsonIsRejectedWithLocationAndSuggestion) {
    Options options;
    EXPECT_EQ(read(options, "{"), "recipe.json: not a JSON object");
    EXPECT_EQ(read(options, "[]"), "recipe.json: not a JSON object");
    EXPECT_EQ(read(options, R"({"layer": 2})"), "recipe.json: unknown field 'layer', did you mean 'layers'?");
    EXPECT_EQ(read(options, R"({"zzzz\n": 2})"), "recipe.json: unknown field 'zzzz\\x0a'");
    EXPECT_EQ(read(options, R"({"layers": "2"})"), "recipe.json: 'layers' must be of type whole number, not \"2\"");
    EXPECT_EQ(read(options, R"({"layers": 3000000000})"),
              "recipe.json: 'layers' must be of type whole number, not 3000000000");
    EXPECT_EQ(read(options, R"({"bytes": -1})"), "recipe.json: 'bytes' must be of type whole number, not -1");
    EXPECT_EQ(read(options, R"({"temperature": 1e99})"),
              "recipe.json: 'temperature' must be of type number, not 1e+99");
    EXPECT_EQ(read(options, R"({"fast": 1})"), "recipe.json: 'fast' must be of type true or false, not 1");
    EXPECT_EQ(read(options, R"({"files": ["a", 1]})"),
              "recipe.json: 'files' must be of type list of strings, not [\"a\",1]");
}

TEST(Fields, ClosestNameIsSuggestedOnlyWithinASmallEditDistance) {
    EXPECT_EQ(closest("temprature", {"temperature", "top_p"}), "temperature");
    EXPECT_EQ(closest("x", {"temperature", "top_p"}), "");
    EXPECT_EQ(closest("", {"a"}), "");
    EXPECT_EQ(closest("a", {}), "");
}

}  // namespace
}  // namespace puna
