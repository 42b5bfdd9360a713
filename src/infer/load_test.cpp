#include "infer/load.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "infer/fake_model.h"
#include "infer/generation_config.h"
#include "tokenizer/files.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(LoadEngine, GeneratesLikeTheSavedModel) {
    TestFolder folder;
    Llama llama = fake_llama();
    save_llama(llama, folder.path(), Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder.path());
    write_file(folder / "generation_config.json", R"({"temperature": 0, "top_k": 3, "eos_token_id": [5, 6]})");
    Engine saved(std::move(llama), fake_tokenizer()), loaded = load_engine(folder.path(), {.context = 64});
    Session one = saved.open(), two = loaded.open();
    GenerateOptions options{.sample = loaded.defaults(), .max_tokens = 10};
    std::vector<int32_t> prompt{256, 72, 105};
    EXPECT_EQ(saved.generate(one, prompt, options).ids, loaded.generate(two, prompt, options).ids);
    EXPECT_EQ(loaded.context(), 64);
    EXPECT_EQ(loaded.defaults().top_k, 3);
    EXPECT_TRUE(loaded.is_stop(5) && loaded.is_stop(6) && loaded.is_stop(257));
    EXPECT_THROW(load_engine(folder.path(), {.type = "i64"}), Error);
    EXPECT_THROW(load_engine(folder / "nothing"), Error);
}

TEST(GenerationConfig, ReadsKnownFieldsAndIgnoresOthers) {
    GenerationConfig config = parse_generation_config(
        R"({"_from_model_config": true, "bos_token_id": 1, "do_sample": true, "eos_token_id": [2, 3], "temperature": 0.7,
            "top_p": 0.8, "top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1, "seed": 4, "more": {"top_k": 5, "list": [1, 2]}})",
        "here");
    EXPECT_EQ(config.sample.temperature, 0.7f);
    EXPECT_EQ(config.sample.top_p, 0.8f);
    EXPECT_EQ(config.sample.top_k, 40);
    EXPECT_EQ(config.sample.min_p, 0.1f);
    EXPECT_EQ(config.sample.repetition_penalty, 1.1f);
    EXPECT_EQ(config.sample.seed, 0);
    EXPECT_EQ(config.stops, (std::vector<int32_t>{2, 3}));
    EXPECT_EQ(parse_generation_config(R"({"eos_token_id": 7, "do_sample": false})", "here").stops,
              (std::vector<int32_t>{7}));
}

// The defaults of transformers' GenerationConfig.
TEST(GenerationConfig, MissingFieldsHaveTransformersDefaults) {
    for (const char* greedy : {"{}", R"({"do_sample": false, "temperature": 0.6})", R"({"temperature": 0.6})",
                               R"({"do_sample": null, "top_p": 0.5})", R"({"eos_token_id": 2})"})
        EXPECT_EQ(parse_generation_config(greedy, "here").sample.temperature, 0) << greedy;
    SampleOptions sample = parse_generation_config(R"({"do_sample": true, "top_p": null})", "here").sample;
    EXPECT_EQ(sample.temperature, 1);
    EXPECT_EQ(sample.top_k, 50);
    EXPECT_EQ(sample.top_p, 1);
    EXPECT_EQ(sample.min_p, 0);
    EXPECT_EQ(sample.repetition_penalty, 1);
    EXPECT_EQ(parse_generation_config(R"({"do_sample": true, "top_k": 0})", "here").sample.top_k, 0);
}

TEST(LoadEngine, StopTokensOfGenerationConfigTakePrecedence) {
    TestFolder folder;
    Llama llama = fake_llama();
    save_llama(llama, folder.path(), Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder.path());
    std::string config = read_text(folder / "config.json");
    write_file(folder / "config.json", config.replace(config.find("\"eos_token_id\": 257"), 19, "\"eos_token_id\": 7"));
    for (const char* generation : {"", "{}", R"({"eos_token_id": null})", R"({"eos_token_id": []})"}) {
        if (*generation) write_file(folder / "generation_config.json", generation);
        Engine engine = load_engine(folder.path());
        EXPECT_TRUE(engine.is_stop(7) && engine.is_stop(257)) << generation;
    }
    write_file(folder / "generation_config.json", R"({"eos_token_id": [5, 6]})");
    Engine engine = load_engine(folder.path());
    EXPECT_TRUE(engine.is_stop(5) && engine.is_stop(6) && engine.is_stop(257));
    EXPECT_FALSE(engine.is_stop(7));
}

TEST(GenerationConfig, InvalidValuesAreErrorsThatNameTheFile) {
    auto error_of = [](std::string_view json) {
        return error_message([&] { parse_generation_config(json, "here/generation_config.json"); });
    };
    for (const char* text :
         {"[]", "7", "{", R"({"repetition_penalty": 0})", R"({"eos_token_id": -3})", R"({"eos_token_id": 4294967296})",
          R"({"eos_token_id": "2"})", R"({"eos_token_id": [[2]]})", R"({"eos_token_id": {}})", R"({"do_sample": 1})"})
        EXPECT_TRUE(error_of(text).starts_with("here/generation_config.json:")) << text << " gives: " << error_of(text);
    for (std::string member : {R"("temperature": -1)", R"("temperature": "0.6")", R"("top_p": [1])", R"("top_k": 1.5)",
                               R"("top_k": 99999999999)", R"("top_p": 1e300)", R"("temperature": 1e999)"}) {
        std::string message = error_of(R"({"do_sample": true, )" + member + "}");
        EXPECT_TRUE(message.starts_with("here/generation_config.json: " + member.substr(1, 5))) << message;
    }
}

TEST(GenerationConfig, UnusedFieldsNeedNotBeValid) {
    GenerationConfig config = parse_generation_config(
        R"({"do_sample": false, "top_p": 0.0, "top_k": 50.5, "temperature": 1e999, "bos_token_id": -1, "x": "\ud800"})",
        "g.json");
    EXPECT_EQ(config.sample.temperature, 0);
    EXPECT_EQ(config.sample.top_p, 1);
    EXPECT_EQ(config.sample.top_k, 50);
}

TEST(GenerationConfig, TheLastOfDuplicateFieldsCounts) {
    GenerationConfig config = parse_generation_config(
        R"({"do_sample": true, "temperature": 0.7, "temperature": null, "eos_token_id": [2, 2], "eos_token_id": 3})",
        "g.json");
    EXPECT_EQ(config.sample.temperature, 1);
    EXPECT_EQ(config.stops, std::vector<int32_t>{3});
}

TEST(GenerationConfig, OverlargeIntegersAreReportedAsOutOfRange) {
    auto error_of = [](std::string_view json) {
        return error_message([&] { parse_generation_config(json, "g.json"); });
    };
    EXPECT_EQ(error_of(R"({"do_sample": true, "top_k": 123456789012345678901})"),
              "g.json: top_k is out of range: 123456789012345678901");
    EXPECT_EQ(error_of(R"({"eos_token_id": [123456789012345678901]})"),
              "g.json: 'eos_token_id' is 123456789012345678901, which is not a token id");
    EXPECT_EQ(error_of(R"({"do_sample": true, "top_k": 1.5})"), "g.json: top_k must be an integer, not 1.5");
}

TEST(LoadEngine, DanglingGenerationConfigIsAnError) {
    TestFolder folder;
    Llama llama = fake_llama();
    save_llama(llama, folder.path(), Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder.path());
    std::filesystem::create_symlink("../blobs/missing", folder / "generation_config.json");
    EXPECT_NE(error_message([&] { load_engine(folder.path()); }).find("generation_config.json: cannot open"),
              std::string::npos);
}

}  // namespace
}  // namespace puna
