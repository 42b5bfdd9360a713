#include "core/fields.h"

#include "core/error.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

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
    EXPECT_EQ(set(options, "temperature", "hot"), "temperature must be a number, not 'hot'");
    EXPECT_EQ(set(options, "temperature", "1e99"), "temperature is out of range: 1e99");
    EXPECT_EQ(set(options, "temperature", "nan"), "temperature must be a number, not 'nan'");
    EXPECT_EQ(set(options, "rate", "inf"), "rate must be a number, not 'inf'");
    EXPECT_EQ(set(options, "layers", "1.5"), "layers must be an integer, not '1.5'");
    EXPECT_EQ(set(options, "layers", ""), "layers must be an integer, not ''");
    EXPECT_EQ(set(options, "layers", "3000000000"), "layers is out of range: 3000000000");
    EXPECT_EQ(set(options, "bytes", "-1"), "bytes must be an integer, not '-1'");
    EXPECT_EQ(set(options, "fast", "yes"), "fast must be true or false, not 'yes'");
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
    EXPECT_EQ(read(options, "{"), "recipe.json: not valid JSON at byte 1: unexpected end of input");
    EXPECT_EQ(read(options, "[]"), "recipe.json: not a JSON object");
    EXPECT_EQ(read(options, R"({"layer": 2})"), "recipe.json: unknown field 'layer'. Did you mean 'layers'?");
    EXPECT_EQ(read(options, R"({"zzzz\n": 2})"), "recipe.json: unknown field 'zzzz\\x0a'");
    EXPECT_EQ(read(options, R"({"layers": "2"})"), "recipe.json: layers must be an integer, not \"2\"");
    EXPECT_EQ(read(options, R"({"layers": 3000000000})"), "recipe.json: layers is out of range: 3000000000");
    EXPECT_EQ(read(options, R"({"bytes": -1})"), "recipe.json: bytes is out of range: -1");
    EXPECT_EQ(read(options, R"({"temperature": 1e99})"), "recipe.json: temperature is out of range: 1e99");
    EXPECT_EQ(read(options, R"({"rate": 1e999})"), "recipe.json: rate is out of range: 1e999");
    EXPECT_EQ(read(options, R"({"future": 1e999})"), "recipe.json: unknown field 'future'");
    EXPECT_EQ(read(options, R"({"files": ["\ud800"]})"),
              "recipe.json: files: a string contains a lone surrogate (\\ud800 to \\udfff), which is not a character: "
              "remove it or write its pair");
    EXPECT_EQ(read(options, R"({"fast": 1})"), "recipe.json: fast must be true or false, not 1");
    EXPECT_EQ(read(options, R"({"files": ["a", 1]})"), "recipe.json: files must be a list of strings, not [\"a\",1]");
}

TEST(Fields, DeeplyNestedJsonIsRejectedByFieldName) {
    std::string deep(1'000'000, '[');
    deep += std::string(deep.size(), ']');
    for (std::string name : {"fast", "layers", "temperature", "name", "files"}) {
        Options options;
        std::string problem = read(options, "{\"" + name + "\": " + deep + "}");
        EXPECT_TRUE(problem.starts_with("recipe.json: " + name + " must be ")) << problem;
        EXPECT_LT(problem.size(), 500u);
    }
}

struct Limited {
    int64_t steps = 1000;
    float top_p = 0.9f, beta = 0.9f;
    double rate = 1e-3;
    std::string type = "bf16", from, stored, data;
    int top_k = 0;
    bool fast = false;
    std::vector<std::string> stop;
};

template <class F>
void fields(Limited& o, F field) {
    field.group("Schedule");
    field("steps", o.steps, "number of steps", {.min = 1, .max = 1 << 20});
    field("rate", o.rate, "learning rate", {.min = 0, .max = 1e3});
    field.group("Sampling");
    field("top_p", o.top_p, "nucleus sampling", {.min = 0, .max = 1, .above_min = true});
    field("top_k", o.top_k, "most likely tokens", {.min = 0, .unset = "off"});
    field("beta", o.beta, "decay", {.min = 0, .max = 1, .below_max = true});
    field.group("");
    field("type", o.type, "dtype", {.word = "f32|bf16|f16"});
    field("stored", o.stored, "dtype", {.word = "f32|bf16", .unset = "as stored"});
    field("from", o.from, "model", {.word = "FOLDER"});
    field("data", o.data, "training set", {.required = true});
    field("fast", o.fast, "faster");
    field("stop", o.stop, "stop strings");
}

Field field_of(Limited& options, std::string_view name) {
    std::vector<Field> list = list_fields(options);
    return find_field(list, name, "test");
}

TEST(Fields, ValuesOutsideTheLimitsOfAFieldAreRejectedByName) {
    Limited options;
    auto set_limited = [&](std::string_view name, std::string_view text) {
        Field field = field_of(options, name);
        return error_of([&] { set_from_text(field, text); });
    };
    EXPECT_EQ(set_limited("steps", "0"), "steps must be at least 1, not 0");
    EXPECT_EQ(set_limited("steps", "1048577"), "steps must be at most 1048576, not 1048577");
    EXPECT_EQ(set_limited("top_p", "0"), "top_p must be more than 0, not 0");
    EXPECT_EQ(set_limited("top_p", "1.5"), "top_p must be at most 1, not 1.5");
    EXPECT_EQ(set_limited("beta", "1"), "beta must be less than 1, not 1");
    EXPECT_EQ(set_limited("type", "f8"), "type must be f32, bf16 or f16, not 'f8'");
    EXPECT_EQ(set_limited("type", ""), "type must be f32, bf16 or f16, not ''");
    EXPECT_EQ(set_limited("stored", "f16"), "stored must be f32 or bf16, not 'f16'");
    EXPECT_EQ(set_limited("stored", ""), "no error") << "the default";
    EXPECT_EQ(options.steps, 1000) << "a rejected value leaves the field unchanged";
    std::vector<Field> list = list_fields(options);
    EXPECT_EQ(error_of([&] { from_json(list, R"({"steps": 0})", "a.json"); }),
              "a.json: steps must be at least 1, not 0");
    EXPECT_EQ(error_of([&] { check_values(options); }), "data is missing: training set");
    options.data = "packed";
    options.top_p = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(error_of([&] { check_values(options); }), "top_p must be more than 0, not nan");
    options.top_p = 1;
    EXPECT_EQ(error_of([&] { check_values(options); }), "no error");
}

TEST(Fields, HelpShowsTheLimitsThatAreChecked) {
    Limited options;
    for (auto [name, word] :
         std::initializer_list<std::pair<std::string_view, std::string_view>>{{"steps", "N"},
                                                                              {"rate", "X"},
                                                                              {"top_p", "0..1"},
                                                                              {"top_k", "N"},
                                                                              {"type", "f32|bf16|f16"},
                                                                              {"from", "FOLDER"},
                                                                              {"data", "TEXT"},
                                                                              {"fast", ""},
                                                                              {"stop", "A,B,..."}})
        EXPECT_EQ(value_word(field_of(options, name)), word) << name;
    EXPECT_EQ(field_of(options, "rate").group, "Schedule");
    EXPECT_EQ(field_of(options, "beta").group, "Sampling");
    EXPECT_EQ(field_of(options, "data").group, "");
}

TEST(Fields, ClosestNameIsSuggestedOnlyWithinASmallEditDistance) {
    EXPECT_EQ(closest("temprature", {"temperature", "top_p"}), "temperature");
    EXPECT_EQ(closest("temp", {"help", "temperature", "top_p"}), "temperature") << "an abbreviation comes first";
    EXPECT_EQ(closest("t", {"temperature", "top_p"}), "") << "an ambiguous one suggests nothing";
    EXPECT_EQ(closest("x", {"temperature", "top_p"}), "");
    EXPECT_EQ(closest("", {"a"}), "");
    EXPECT_EQ(closest("a", {}), "");
}

}  // namespace
}  // namespace puna
