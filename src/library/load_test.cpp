#include "library/load.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "infer/fake_model.h"
#include "model/test_adapter.h"
#include "model/test_meta_folder.h"
#include "tokenizer/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A rank file of the 256 bytes.
std::string byte_ranks() {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (size_t byte = 0; byte < 256; ++byte)
        text += fmt::format("{}{}== {}\n", digits[byte >> 2], digits[(byte & 3) << 4], byte);
    return text;
}

TEST(LoadEngine, GeneratesLikeTheSavedModel) {
    TestFolder folder;
    Llama llama = fake_llama();
    save_llama(llama, folder.path(), Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder.path());
    write_file(folder / "generation_config.json", R"({"temperature": 0, "top_k": 3, "eos_token_id": [5, 6]})");
    Engine saved(std::move(llama), fake_tokenizer()), loaded = load_engine(folder.path(), {.context = 64});
    GenerateOptions options{.sample = loaded.defaults(), .max_tokens = 10};
    std::vector<int32_t> prompt{256, 72, 105};
    EXPECT_EQ(saved.generate(prompt, options).ids, loaded.generate(prompt, options).ids);
    EXPECT_EQ(loaded.context(), 64);
    EXPECT_EQ(loaded.defaults().top_k, 3);
    EXPECT_TRUE(loaded.is_stop(5) && loaded.is_stop(6) && loaded.is_stop(257));
    EXPECT_THROW(load_engine(folder / "nothing"), Error);
}

TEST(LoadEngine, AModelWhoseFileShrinksIsClosedAndOthersGoOn) {
    recover_lost_pages();
    TestFolder folder;
    for (const char* name : {"shrinks", "stays"}) {
        Llama llama = fake_llama();
        std::filesystem::create_directory(folder / name);
        save_llama(llama, folder / name, Dtype::f32);
        save_tokenizer(fake_tokenizer(), folder / name);
    }
    Engine shrinks = load_engine(folder / "shrinks"), stays = load_engine(folder / "stays");
    Request request{.tokens = {256, 72, 105}, .options = {.sample = {.temperature = 0}, .max_tokens = 10}};
    std::vector<int32_t> ids = stays.generate(request).ids;
    ASSERT_EQ(shrinks.generate(request).ids, ids);
    ASSERT_GT(ids.size(), 1u);
    // On the engine's thread after its first step.
    std::once_flag once;
    auto truncate = [&] { std::filesystem::resize_file(folder / "shrinks" / "model.safetensors", 0); };
    Reply reply = shrinks.submit(request, [&] { std::call_once(once, truncate); });
    std::string expected = (folder / "shrinks" / "model.safetensors").string() + ": " + changed_in_use;
    EXPECT_EQ(error_of([&] { reply.wait(); }), expected);
    EXPECT_EQ(error_of([&] { shrinks.generate(request); }), expected) << "for good";
    EXPECT_EQ(stays.generate(request).ids, ids);
}

TEST(LoadEngine, AChatTemplateThatIsNoTextIsADamagedFile) {
    TestFolder folder;
    Llama llama = fake_llama();
    save_llama(llama, folder.path(), Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder.path());
    write_file(folder / "tokenizer_config.json", R"({"chat_template": {"default": "x"}})");
    EXPECT_EQ(error_of([&] { load_engine(folder.path()); }),
              (folder / "tokenizer_config.json").string() +
                  ": 'chat_template' must be a string or a list of named templates");
    write_file(folder / "tokenizer_config.json", R"({"chat_template": "{% include 'x' %}"})");
    load_engine(folder.path());  // continues texts all the same
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

TEST(LoadEngine, WhatDoesNotFitIsRefusedWithTheNumbers) {
    TestFolder folder;
    int64_t context = int64_t{1} << 30;
    Llama llama = fake_llama(1, context);
    save_llama(llama, folder.path(), Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder.path());
    std::string message = error_of([&] { load_engine(folder.path(), {.context = context}); });
    EXPECT_THAT(message, StartsWith(folder.path().string() + ": "));
    EXPECT_THAT(message, HasSubstr(" of memory are needed ("));
    EXPECT_THAT(message, HasSubstr(" for the KV cache of 1073741824 tokens"));
    EXPECT_THAT(message, HasSubstr("are available: a context of "));
}

TEST(LoadEngine, ShortSequencesNeedASmallerCache) {
    TestFolder folder;
    Llama llama = fake_llama(1, 256);
    save_llama(llama, folder.path(), Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder.path());
    auto pages = [&](const EngineLoadOptions& options) { return load_engine(folder.path(), options).status().pages; };
    int64_t one = pages({.context = 128});
    EXPECT_EQ(pages({.context = 128, .sequences = 8}), 8 * one);
    EXPECT_EQ(pages({.context = 128, .sequences = 8, .sequence_tokens = 40}), 8 * pages_for(40));
    EXPECT_LT(pages_for(40), one);
    EXPECT_EQ(pages({.context = 128, .sequences = 8, .sequence_tokens = 1000}), 8 * one);
    EXPECT_EQ(pages({.context = 128, .sequences = 1, .sequence_tokens = 1}), one);
}

// tokenizer.model has a token for each byte; the control tokens follow.
TEST(LoadEngine, ReadsAFolderInMetasFormat) {
    Config config{.dim = 24, .layers = 1, .heads = 4, .kv_heads = 2, .head_dim = 6, .ffn = 64, .vocabulary = 512};
    Llama llama = seeded_llama(choose_kernels(), config, 7, {});
    TestFolder folder;
    save_meta_folder(llama, folder.path(), {.parts = 2});
    auto load = [&] { return load_engine(folder.path()).tokenizer().size(); };
    EXPECT_NE(error_of(load).find("has neither tokenizer.json nor tokenizer.model"), std::string::npos);
    write_file(folder / "tokenizer.model", byte_ranks());
    Engine engine = load_engine(folder.path());
    EXPECT_EQ(engine.tokenizer().begin_of_text(), 256);
    EXPECT_TRUE(engine.is_stop(256 + 1) && engine.is_stop(256 + 9)) << "<|end_of_text|> and <|eot_id|>";
    EXPECT_FALSE(engine.is_stop(256));
    EXPECT_EQ(engine.defaults().top_p, 0.9f);
    std::vector<int32_t> prompt{256, 72, 105};
    EXPECT_FALSE(engine.generate(prompt, {.sample = {.seed = 1}, .max_tokens = 5}).ids.empty());
}

TEST(LoadEngine, AdaptersAreAddedToAllAnswers) {
    TestFolder folder;
    Llama llama = fake_llama();
    save_llama(llama, folder / "base", Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder / "base");
    TestAdapter(llama.config, {"self_attn.q_proj", "mlp.down_proj"}, 3).save_folder(folder / "one");
    TestAdapter(llama.config, {"self_attn.v_proj"}, 4).save_folder(folder / "two");
    auto scores = [](Engine engine) { return engine.score({256, 72, 105, 33, 72, 105}, 1); };
    std::vector<float> base = scores(load_engine(folder / "base")),
                       one = scores(load_engine(folder / "base", {.adapters = {folder / "one"}}));
    EXPECT_NE(one, base);
    EXPECT_NE(scores(load_engine(folder / "base", {.adapters = {folder / "one", folder / "two"}})), one);
    EXPECT_THAT(error_of([&] { load_engine(folder / "one"); }), HasSubstr("its base model 'base' is not here"));
    std::string config = read_text(folder / "one/adapter_config.json");
    write_file(folder / "text", "no model");
    write_file(folder / "one/adapter_config.json",
               config.replace(config.find("\"base\""), 6, "\"" + (folder / "text").string() + "\""));
    EXPECT_THAT(error_of([&] { load_engine(folder / "one"); }),
                testing::AllOf(HasSubstr((folder / "one").string() + ": is a LoRA adapter"),
                               HasSubstr("is neither a model folder nor a model file")));
    TestAdapter(llama.config, {"self_attn.q_proj", "mlp.down_proj"}, 3).save_folder(folder / "one");
    std::filesystem::rename(folder / "base", folder / "one/base");
    EXPECT_EQ(scores(load_engine(folder / "one")), one) << "an adapter with its base beside it";
    EXPECT_THAT(error_of([&] { load_engine(folder / "one/base", {.adapters = {folder / "none"}}); }),
                HasSubstr("none: no such adapter"));
}

TEST(LoadEngine, DanglingGenerationConfigIsAnError) {
    TestFolder folder;
    Llama llama = fake_llama();
    save_llama(llama, folder.path(), Dtype::f32);
    save_tokenizer(fake_tokenizer(), folder.path());
    std::filesystem::create_symlink("../blobs/missing", folder / "generation_config.json");
    EXPECT_THAT(error_of([&] { load_engine(folder.path()); }), HasSubstr("generation_config.json: cannot open"));
}

}  // namespace
}  // namespace puna
