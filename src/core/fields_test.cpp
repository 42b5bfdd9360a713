#include "core/fields.h"

#include "core/json_document.h"
#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

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

std::string set(Options& options, std::string_view name, std::string_view text) {
    for (Field& field : list_fields(options))
        if (field.name == name) return error_of([&] { set_from_text(field, text); });
    return "no such field";
}

std::string read(Options& options, std::string_view json) {
    std::vector<Field> list = list_fields(options);
    return error_of([&] { from_json(list, JsonDocument(json, "recipe.json").root()); });
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
                                                                              {"files", "a,b c,"}}) {
        EXPECT_EQ(set(options, name, text), "no error") << name;
        for (Field& field : list_fields(options))
            EXPECT_TRUE(field.name != name || to_text(field) == text) << to_text(field);
    }
    EXPECT_EQ(options.files, std::vector<std::string>{"a,b c,"}) << "one item, whatever it contains";
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
    EXPECT_THAT(json, HasSubstr("\"temperature\":0.7,"));
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
    EXPECT_EQ(read(options, R"({"layers": "2"})"), "recipe.json: 'layers' must be an integer, not \"2\"");
    EXPECT_EQ(read(options, R"({"layers": 3000000000})"), "recipe.json: 'layers' is out of range: 3000000000");
    EXPECT_EQ(read(options, R"({"bytes": -1})"), "recipe.json: 'bytes' is out of range: -1");
    EXPECT_EQ(read(options, R"({"temperature": 1e99})"), "recipe.json: 'temperature' is out of range: 1e99");
    EXPECT_EQ(read(options, R"({"rate": 1e999})"), "recipe.json: 'rate' is out of range: 1e999");
    EXPECT_EQ(read(options, R"({"future": 1e999})"), "recipe.json: unknown field 'future'");
    EXPECT_EQ(read(options, R"({"files": ["\ud800"]})"),
              "recipe.json: 'files[0]' contains a lone surrogate (\\ud800 to \\udfff), which is not a character: "
              "remove it or write its pair");
    EXPECT_EQ(read(options, R"({"fast": 1})"), "recipe.json: 'fast' must be true or false, not 1");
    EXPECT_EQ(read(options, R"({"files": ["a", 1]})"), "recipe.json: 'files' must be a list of strings, not [\"a\",1]");
}

// A front end finds the field without reading the message.
TEST(Fields, ErrorsHaveTheFieldAndItsPlaceInTheMessage) {
    auto expect = [](auto set, std::string_view name, ErrorKind kind) {
        Options options;
        std::vector<Field> list = list_fields(options);
        std::optional<Error> problem = thrown_error([&] { set(list); });
        ASSERT_TRUE(problem) << name;
        EXPECT_EQ(problem->field, name) << problem->what();
        EXPECT_EQ(std::string_view(problem->what()).substr(problem->field_at, name.size()), name) << problem->what();
        EXPECT_EQ(problem->kind, kind) << problem->what();
    };
    auto from = [](std::string_view json) {
        return [json](std::vector<Field>& list) { from_json(list, JsonDocument(json, "temperature").root()); };
    };
    expect([](std::vector<Field>& list) { set_from_text(list[4], "hot"); }, "temperature", ErrorKind::usage);
    expect(from(R"({"temperature": "hot"})"), "temperature", ErrorKind::usage);
    expect(from(R"({"rate": 1e999})"), "rate", ErrorKind::usage);
    expect(from(R"({"files": 5})"), "files", ErrorKind::usage);
    expect(from(R"({"layer": 2})"), "layer", ErrorKind::usage);
    expect(
        [](std::vector<Field>& list) {
            JsonDocument file(R"({"layers": []})", "x");
            set_from_json(list[1], file.root().need("layers"), ErrorKind::damaged);
        },
        "layers", ErrorKind::damaged);
}

TEST(Fields, DeeplyNestedJsonIsRejectedByFieldName) {
    std::string deep(1'000'000, '[');
    deep += std::string(deep.size(), ']');
    for (std::string name : {"fast", "layers", "temperature", "name", "files"}) {
        Options options;
        std::string problem = read(options, "{\"" + name + "\": " + deep + "}");
        EXPECT_THAT(problem, StartsWith("recipe.json: '" + name + "' must be "));
        EXPECT_LT(problem.size(), 500u);
    }
}

enum class Level { low, middle, high };
std::vector<std::string_view> enum_names(Level) { return {"low", "middle", "high"}; }

struct Limited {
    int64_t steps = 1000;
    float top_p = 0.9f, beta = 0.9f;
    double rate = 1e-3;
    std::string from, data;
    Level level = Level::middle, any = Level::low;
    std::optional<Level> stored;
    int top_k = 0;
    bool fast = false;
    std::vector<std::string> stop;
    std::optional<int64_t> seed;
    std::optional<double> share;
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
    field("level", o.level, "level", {.word = "middle|low"});
    field("any", o.any, "level");
    field("stored", o.stored, "level", {.unset = "as stored"});
    field("from", o.from, "model", {.word = "FOLDER"});
    field("data", o.data, "training set", {.required = true});
    field("fast", o.fast, "faster");
    field("stop", o.stop, "stop strings");
    field("seed", o.seed, "random seed", {.min = 0, .unset = "from the clock"});
    field("share", o.share, "fraction", {.min = 0, .max = 1, .unset = "a tenth"});
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
    EXPECT_EQ(set_limited("top_k", "-1"), "top_k must be at least 0, not -1; 0 = off");
    EXPECT_EQ(set_limited("beta", "1"), "beta must be less than 1, not 1");
    EXPECT_EQ(options.steps, 1000) << "a rejected value leaves the field unchanged";
    std::vector<Field> list = list_fields(options);
    EXPECT_EQ(error_of([&] { from_json(list, JsonDocument(R"({"steps": 0})", "a.json").root()); }),
              "a.json: 'steps' must be at least 1, not 0");
    EXPECT_EQ(set_limited("stop", ""), "stop must not be an empty text");
    EXPECT_EQ(error_of([&] { check_required(list); }), "data is missing: training set");
    options.data = "packed";
    EXPECT_EQ(error_of([&] { check_required(list); }), "no error");
}

TEST(Fields, OptionalNumbersCanBeUnset) {
    Limited options;
    std::vector<Field> list = list_fields(options);
    Field& seed = find_field(list, "seed", "test");
    EXPECT_EQ(to_text(seed), "");
    EXPECT_THAT(to_json(list), HasSubstr("\"seed\":null"));
    EXPECT_EQ(value_word(seed), "N");
    set_from_text(seed, "0");
    EXPECT_EQ(options.seed, 0);
    EXPECT_THAT(to_json(list), HasSubstr("\"seed\":0"));
    EXPECT_EQ(error_of([&] { set_from_text(seed, "-1"); }), "seed must be at least 0, not -1");
    EXPECT_EQ(error_of([&] { set_from_text(seed, "x"); }), "seed must be an integer, not 'x'");
    EXPECT_EQ(error_of([&] { set_from_text(seed, ""); }), "seed must be an integer, not ''");
    EXPECT_EQ(options.seed, 0) << "a rejected value leaves the field unchanged";
    from_json(list, JsonDocument(R"({"seed": 7})", "a.json").root());
    EXPECT_EQ(options.seed, 7);
    Limited other;
    Field copy = field_of(other, "seed");
    copy_value(copy, seed);
    EXPECT_EQ(other.seed, 7);
    from_json(list, JsonDocument(R"({"seed": null})", "a.json").root());
    EXPECT_EQ(options.seed, std::nullopt);
    Field& share = find_field(list, "share", "test");
    EXPECT_EQ(to_text(share) + value_word(share), "0..1");
    set_from_text(share, "0.25");
    EXPECT_EQ(options.share, 0.25);
    EXPECT_EQ(error_of([&] { set_from_text(share, "1.5"); }), "share must be at most 1, not 1.5");
    EXPECT_THAT(to_json(list), HasSubstr("\"share\":0.25"));
}

TEST(Fields, ValuesThatAProgramSetAreChecked) {
    auto problem = [](auto set) {
        Limited options;
        set(options);
        return error_of([&] { check_values(list_fields(options)); });
    };
    EXPECT_EQ(problem([](Limited&) {}), "no error");
    EXPECT_EQ(problem([](Limited& o) { o.steps = 0; }), "steps must be at least 1, not 0");
    EXPECT_EQ(problem([](Limited& o) { o.rate = std::numeric_limits<double>::quiet_NaN(); }),
              "rate must be a number, not 'nan'");
    EXPECT_EQ(problem([](Limited& o) { o.seed = -1; }), "seed must be at least 0, not -1");
    EXPECT_THAT(problem([](Limited& o) { o.stop = {"a", ""}; }), StartsWith("stop must not be an empty text"));
}

TEST(Fields, EnumsAreSetAndWrittenByName) {
    Limited options;
    auto set_limited = [&](std::string_view name, std::string_view text) {
        Field field = field_of(options, name);
        return error_of([&] { set_from_text(field, text); });
    };
    EXPECT_EQ(set_limited("any", "high"), "no error");
    EXPECT_EQ(options.any, Level::high);
    EXPECT_EQ(to_text(field_of(options, "any")), "high");
    EXPECT_EQ(enum_name(options.any), "high");
    EXPECT_EQ(set_limited("any", "hi"), "any must be low, middle or high, not 'hi'");
    EXPECT_EQ(set_limited("any", ""), "any must be low, middle or high, not ''");
    EXPECT_EQ(set_limited("level", "high"), "level must be middle or low, not 'high'") << "not of this field";
    EXPECT_EQ(set_limited("level", "low"), "no error");
    EXPECT_EQ(options.level, Level::low);
}

TEST(Fields, ValuesAreCopiedBetweenOptions) {
    Limited from, to;
    from.data = "packed";
    from.steps = 7;
    from.stored = Level::high;
    from.stop = {"a", "b"};
    std::vector<Field> source = list_fields(from), target = list_fields(to);
    for (size_t i = 0; i < target.size(); ++i) copy_value(target[i], source[i]);
    EXPECT_EQ(to_json(target), to_json(source));
    EXPECT_EQ(to.stored, Level::high);
}

TEST(Fields, AnOptionalValueMayBeUnset) {
    Limited options, back;
    std::vector<Field> list = list_fields(back);
    Field stored = field_of(options, "stored");
    EXPECT_EQ(to_text(stored), "");
    EXPECT_THAT(to_json(list_fields(options)), HasSubstr(R"("stored":null)"));
    set_from_text(stored, "high");
    EXPECT_EQ(options.stored, Level::high);
    EXPECT_THAT(to_json(list_fields(options)), HasSubstr(R"("stored":"high")"));
    from_json(list, JsonDocument(to_json(list_fields(options)), "a.json").root());
    EXPECT_EQ(back.stored, Level::high);
    from_json(list, JsonDocument(R"({"stored": null})", "a.json").root());
    EXPECT_EQ(back.stored, std::nullopt);
    set_from_text(stored, "");
    EXPECT_EQ(options.stored, std::nullopt);
    EXPECT_EQ(error_of([&] { from_json(list, JsonDocument(R"({"any": null})", "a.json").root()); }),
              "a.json: 'any' must be a string, not null");
}

struct Pair {
    Options first, second;
};

template <class F>
void fields(Pair& o, F field) {
    field.group("Both");
    fields(o.first, field);
    field.prefix("second.", o.second);
}

TEST(Fields, NestedOptionsHaveAPrefix) {
    Pair pair;
    std::vector<Field> list = list_fields(pair);
    EXPECT_EQ(list.size(), 16u);
    set_from_text(find_field(list, "second.layers", "here"), "5");
    EXPECT_EQ(pair.second.layers, 5);
    EXPECT_EQ(pair.first.layers, 8);
    EXPECT_EQ(find_field(list, "second.layers", "here").group, "Both");
    EXPECT_EQ(error_of([&] { set_from_text(find_field(list, "second.layers", "here"), "x"); }),
              "second.layers must be an integer, not 'x'");
    Pair back;
    std::vector<Field> back_list = list_fields(back);
    from_json(back_list, JsonDocument(to_json(list), "a.json").root());
    EXPECT_EQ(back.second.layers, 5);
}

TEST(Fields, HelpShowsTheLimitsThatAreChecked) {
    Limited options;
    for (auto [name, word] :
         std::initializer_list<std::pair<std::string_view, std::string_view>>{{"steps", "N"},
                                                                              {"rate", "X"},
                                                                              {"top_p", "0..1"},
                                                                              {"top_k", "N"},
                                                                              {"level", "middle|low"},
                                                                              {"any", "low|middle|high"},
                                                                              {"stored", "low|middle|high"},
                                                                              {"from", "FOLDER"},
                                                                              {"data", "TEXT"},
                                                                              {"fast", ""},
                                                                              {"stop", "TEXT"}})
        EXPECT_EQ(value_word(field_of(options, name)), word) << name;
    EXPECT_EQ(field_of(options, "rate").group, "Schedule");
    EXPECT_EQ(field_of(options, "beta").group, "Sampling");
    EXPECT_EQ(field_of(options, "data").group, "");
}

TEST(Fields, ClosestNameIsSuggestedOnlyWithinASmallEditDistance) {
    EXPECT_EQ(closest("temprature", {"temperature", "top_p"}), "temperature");
    EXPECT_EQ(closest("temp", {"help", "temperature", "top_p"}), "temperature") << "an abbreviation comes first";
    EXPECT_EQ(closest("t", {"temperature", "top_p"}), "") << "an ambiguous one suggests nothing";
    EXPECT_EQ(closest("logist", {"list", "logits"}), "logits") << "two letters that changed places are one mistake";
    EXPECT_EQ(closest("x", {"temperature", "top_p"}), "");
    EXPECT_EQ(closest("", {"a"}), "");
    EXPECT_EQ(closest("a", {}), "");
}

}  // namespace
}  // namespace puna
