#include "model/load.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

namespace puna {
namespace {

Config small_config(bool tied) {
    Config config;
    config.dim = 24;
    config.layers = 2;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_dim = 6;
    config.ffn = 40;
    config.vocabulary = 50;
    config.tied = tied;
    config.bos = 3;
    config.eos = {4, 5};
    return config;
}

std::vector<float> logits_of(Llama& llama) {
    Pass pass(choose_kernels());
    std::vector<int32_t> tokens{1, 7, 30, 2, 2, 49};
    Batch batch = batch_of(tokens);
    std::vector<int64_t> rows(tokens.size());
    std::iota(rows.begin(), rows.end(), int64_t{0});
    std::span<float> logits = llama.logits(pass, llama.forward(pass, batch), rows).span<float>();
    return {logits.begin(), logits.end()};
}

TEST(Load, SaveAndLoadRoundTripsBitExactly) {
    TestFolder folder;
    for (bool tied : {false, true}) {
        Llama llama = seeded_llama(small_config(tied), 7, {});
        save_llama(llama, folder.path(), Dtype::f32);
        Llama again = load_llama(folder.path(), {});
        EXPECT_EQ(logits_of(again), logits_of(llama));
        EXPECT_EQ(again.config.eos, (std::vector<int32_t>{4, 5}));
        EXPECT_EQ(again.config.tied, tied);
    }
}

TEST(Load, ShardedAndSingleFileModelsAreEqual) {
    TestFolder folder;
    Llama llama = seeded_llama(small_config(false), 7, {});
    save_llama(llama, folder.path() / "one", Dtype::bf16);
    save_llama(llama, folder.path() / "many", Dtype::bf16, {.max_shard_bytes = 4000});
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "many/model.safetensors.index.json"));
    Llama one = load_llama(folder.path() / "one", {}), many = load_llama(folder.path() / "many", {});
    EXPECT_EQ(one.layers[0].wq.weight.weight.dtype, Dtype::bf16);
    EXPECT_EQ(logits_of(one), logits_of(many));
}

TEST(Load, SixteenBitModelsKeepNormsInF32) {
    TestFolder folder;
    Llama llama = seeded_llama(small_config(false), 7, {});
    std::vector<float> exact = logits_of(llama);
    for (Dtype dtype : {Dtype::f16, Dtype::bf16}) {
        save_llama(llama, folder.path() / info(dtype).name, dtype);
        Llama stored = load_llama(folder.path() / info(dtype).name, {});
        EXPECT_EQ(stored.norm.weight.dtype, Dtype::f32);
        EXPECT_EQ(stored.layers[1].w2.weight.weight.dtype, dtype);
        std::vector<float> got = logits_of(stored);
        for (size_t i = 0; i < got.size(); ++i)
            ASSERT_NEAR(got[i], exact[i], dtype == Dtype::f16 ? 2e-3 : 2e-2) << info(dtype).name;
    }
}

TEST(Load, SharedModelSeesWeightUpdates) {
    Llama llama = seeded_llama(small_config(true), 7, {.trainable = true});
    Llama view = shared_llama(llama);
    EXPECT_EQ(logits_of(view), logits_of(llama));
    for (float& value : llama.layers[0].wv.weight.master.span<float>()) value *= 2;
    refresh_weights(choose_kernels(), llama);
    EXPECT_EQ(logits_of(view), logits_of(llama));
}

TEST(Load, RecomputedActivationsAreBitIdenticalToSavedOnes) {
    for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
        std::vector<std::vector<float>> sums;
        for (Activations activations : {Activations::keep, Activations::recompute}) {
            Llama llama = seeded_llama(small_config(true), 7, {.dtype = dtype, .trainable = true});
            Gradients gradients(gradient_elements(llama), {}, &llama.output.weight);
            Pass pass(choose_kernels(), &gradients, activations);
            std::vector<int32_t> tokens{1, 7, 30, 2, 2, 49};
            Batch batch = batch_of(tokens);
            batch.targets = {7, 30, -1, 2, 49, 0};
            batch.chunk = {0, 6};
            llama.loss(pass, llama.forward(pass, batch), batch, 0.2f);
            pass.backward();
            gradients.advance(1);
            std::span<float> sum = gradients.finish();
            sums.emplace_back(sum.begin(), sum.end());
        }
        EXPECT_TRUE(sums[0] == sums[1]) << info(dtype).name;
    }
}

// Checkpoints as quantizers write them: matrices replaced, with auxiliary tensors beside them.
TEST(Load, QuantizedTensorsAreReportedAsQuantized) {
    TestFolder folder;
    Llama llama = seeded_llama(small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    std::string all = read_text(folder / "model.safetensors");
    std::vector<float> values(24 * 24);
    Tensor small(values.data(), Dtype::f32, {4});
    std::string name = "model.layers.0.self_attn.q_proj.";
    auto error_with = [&](std::string_view instead, std::string_view beside) -> std::string {
        write_file(folder / "model.safetensors", all);
        std::vector<NamedTensor> tensors;
        SafetensorsFile file(folder / "model.safetensors");
        for (const TensorEntry& entry : file.entries())
            if (entry.name != name + "weight") tensors.push_back({std::string(entry.name), file.tensor(entry)});
        if (!instead.empty()) tensors.push_back({name + std::string(instead), small});
        if (!beside.empty()) tensors.push_back({name + std::string(beside), small});
        write_safetensors(folder / "model.safetensors", tensors);
        return error_message([&] { load_llama(folder.path(), {}); });
    };
    struct {
        const char *instead, *beside, *method;
    } cases[] = {{"qweight", "scales", "GPTQ or AWQ"},
                 {"weight_packed", "weight_scale", "compressed-tensors"},
                 {"weight", "weight_scale_inv", "FP8"},
                 {"weight", "weight.absmax", "bitsandbytes 4-bit"},
                 {"weight", "SCB", "bitsandbytes 8-bit"}};
    for (auto [instead, beside, method] : cases)
        EXPECT_EQ(error_with(instead, beside),
                  fmt::format("{}: tensor {}weight is quantized ({}); only F32, F16 and BF16 are supported: use the "
                              "unquantized model",
                              folder.path().string(), name, method));
    EXPECT_NE(error_with("weight", "").find("has the shape"), std::string::npos);
    EXPECT_NE(error_with("", "").find("q_proj.weight is missing"), std::string::npos);
}

TEST(Load, UnneededShardMayBeMissing) {
    TestFolder folder;
    Llama llama = seeded_llama(small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32, {.max_shard_bytes = 4000});
    std::string index = read_text(folder / "model.safetensors.index.json");
    size_t map = index.find('{', index.find("weight_map"));
    write_file(folder / "model.safetensors.index.json",
               index.insert(map + 1,
                            R"("vision.w": "none.safetensors", "model.rotary": "model-00001-of-00002.safetensors",)"));
    Llama again = load_llama(folder.path(), {});
    EXPECT_EQ(logits_of(again), logits_of(llama));
}

TEST(Load, TensorsThatLlamaDoesNotHaveAreReported) {
    TestFolder folder;
    Llama llama = seeded_llama(small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    float bias = 1;
    Tensor extra(&bias, Dtype::f32, {1});
    write_safetensors(folder / "extra.safetensors", {{"model.layers.0.self_attn.q_proj.bias", extra},
                                                     {"model.layers.0.self_attn.rotary_emb.inv_freq", extra}});
    std::filesystem::rename(folder / "model.safetensors", folder / "all.safetensors");
    write_file(folder / "model.safetensors.index.json",
               R"({"weight_map": {"a": "all.safetensors", "b": "extra.safetensors"}})");
    testing::internal::CaptureStderr();
    load_llama(folder.path(), {});
    EXPECT_NE(testing::internal::GetCapturedStderr().find("ignored 1 tensor that a Llama of this config.json does not "
                                                          "have, such as model.layers.0.self_attn.q_proj.bias"),
              std::string::npos);
}

TEST(Load, FoldersInOtherFormatsAreNamed) {
    struct Case {
        std::string_view file, reason;
    };
    for (Case c : {Case{"llama.Q4_K_M.gguf", "a GGUF model (llama.Q4_K_M.gguf)"},
                   {"adapter_config.json", "a LoRA adapter"},
                   {"consolidated.00.pth", "Meta's format"},
                   {"pytorch_model-00001-of-00002.bin", "a pickled PyTorch model"}}) {
        TestFolder folder;
        write_file(folder / c.file, "x");
        std::string message = error_message([&] { load_config(folder.path()); });
        EXPECT_NE(message.find(folder.path().string() + ": contains "), message.npos) << message;
        EXPECT_NE(message.find(c.reason), message.npos) << message;
    }
    TestFolder folder;
    write_file(folder / "x.gguf", "GGUF and more");
    EXPECT_NE(error_message([&] { load_config(folder / "x.gguf"); }).find("x.gguf: is a GGUF file"), std::string::npos);
    write_file(folder / "config.json", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n");
    EXPECT_NE(error_message([&] { read_config(folder / "config.json"); }).find("git lfs pull"), std::string::npos);
}

TEST(Load, InvalidFoldersAreRejectedWithTheReason) {
    TestFolder folder;
    Llama llama = seeded_llama(small_config(false), 7, {});
    auto message = [&] { return error_message([&] { load_llama(folder.path(), {}); }); };
    auto message_of = [](const std::filesystem::path& path) { return error_message([&] { load_config(path); }); };
    std::string name = folder.path().string(), remedy = "pass a model folder in Hugging Face format";
    EXPECT_EQ(message(), name + ": contains no config.json: " + remedy);
    EXPECT_EQ(message_of(folder.path() / "none"), name + "/none: no such folder: " + remedy);
    write_file(folder.path() / "story.txt", "Once");
    EXPECT_EQ(message_of(folder.path() / "story.txt"), name + "/story.txt: is not a folder: " + remedy);
    std::filesystem::create_directories(folder.path() / "run/checkpoints");
    EXPECT_EQ(message_of(folder.path() / "run"),
              name + "/run: training has not finished, so there is no model yet; continue it with puna train --resume");
    save_llama(llama, folder.path(), Dtype::f32);
    std::string config = read_text(folder.path() / "config.json");
    auto with = [&](const std::string& from, const std::string& to) {
        std::string changed = config;
        changed.replace(changed.find(from), from.size(), to);
        write_file(folder.path() / "config.json", changed);
        return message();
    };
    EXPECT_NE(with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3")
                  .find("model.layers.2.self_attn.q_proj.weight is missing"),
              std::string::npos);
    EXPECT_NE(
        with("\"intermediate_size\": 40", "\"intermediate_size\": 48")
            .find(
                "gate_proj.weight has the shape [40, 24], but config.json implies [48, 24]: one of the two belongs to "
                "another model"),
        std::string::npos)
        << with("\"intermediate_size\": 40", "\"intermediate_size\": 48");
    EXPECT_NE(with("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"").find("'gelu'"), std::string::npos);
    EXPECT_NE(with("\"attention_bias\": false", "\"attention_bias\": true").find("attention_bias"), std::string::npos);
    EXPECT_NE(with("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3").find("not a multiple"),
              std::string::npos);
    EXPECT_NE(
        with("\"rope_scaling\": null", "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2}").find("'yarn'"),
        std::string::npos);
    EXPECT_NE(with("\"hidden_size\": 24", "\"hidden_size\": \"wide\"").find("'hidden_size' must be an integer"),
              std::string::npos);
    write_file(folder.path() / "config.json", config);
    Llama tied = seeded_llama(small_config(true), 1, {});
    save_llama(tied, folder.path(), Dtype::f32);
    write_file(folder.path() / "config.json", config);
    EXPECT_EQ(message(), name +
                             ": tensor lm_head.weight is missing: if the embeddings are the output too, set "
                             "\"tie_word_embeddings\": true in config.json; else download or copy the weights again");
    std::filesystem::resize_file(folder.path() / "model.safetensors", 5000);
    EXPECT_NE(message().find("model.safetensors"), std::string::npos) << message();
}

}  // namespace
}  // namespace puna
