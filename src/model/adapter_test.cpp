#include "model/adapter.h"

#include "core/blocks.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "model/apply_adapter.h"
#include "model/load.h"
#include "model/test_adapter.h"
#include "model/test_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <optional>

namespace puna {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

const std::vector<std::string> all_modules = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                              "self_attn.o_proj", "mlp.gate_proj",    "mlp.down_proj",
                                              "mlp.up_proj",      "lm_head"};

Llama base_llama(Dtype dtype = Dtype::f32) {
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {.dtype = dtype});
    for (Param* p : llama.params())
        with_type(p->weight.dtype, [&]<class W>() {
            for (W& value : p->weight.span<W>()) value = W(static_cast<float>(value) * (p->weight.rank == 2 ? 10 : 1));
        });
    return llama;
}

// The logits of a sequence with this adapter beside one without: [tokens][vocabulary].
std::vector<float> logits_with(Llama& llama, int adapter) {
    std::vector<int32_t> tokens{1, 7, 30, 2, 2, 49};
    Batch batch = batch_of(tokens);
    batch.sequences[0].adapter = adapter;
    batch.sequences.push_back({6, 6});
    batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
    std::vector<int64_t> rows(6);
    std::iota(rows.begin(), rows.end(), int64_t{0});
    Pass pass(llama.kernels);
    pass.begin(batch);
    std::span<float> logits = llama.logits(pass, llama.forward(pass), rows).span<float>();
    return {logits.begin(), logits.end()};
}

// NaN if a value is.
double max_difference(const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0;
    for (size_t i = 0; i < a.size() && !std::isnan(difference); ++i) {
        double d = std::abs(static_cast<double>(a[i] - b[i]));
        if (!(d <= difference)) difference = d;
    }
    return difference;
}

GgufMetadata adapter_keys(const char* type, const char* architecture) {
    GgufMetadata metadata;
    metadata.add("general.type", type);
    metadata.add("general.architecture", architecture);
    metadata.add("adapter.type", "lora");
    return metadata;
}

class Adapters : public testing::Test {
 protected:
    fs::path peft() const { return folder_ / "peft"; }
    fs::path gguf() const { return folder_ / "adapter.gguf"; }
    static std::vector<Adapter> opened(std::initializer_list<fs::path> paths) {
        return std::vector<Adapter>(paths.begin(), paths.end());
    }
    std::string error_with(std::string_view from, std::string_view to) const {
        std::string config = read_text(peft() / "adapter_config.json"), changed = config;
        write_file(peft() / "adapter_config.json", changed.replace(changed.find(from), from.size(), to));
        std::string problem = error_of([&] { Adapter adapter(peft()); });
        write_file(peft() / "adapter_config.json", config);
        return problem;
    }
    TestFolder folder_;
};

TEST_F(Adapters, BothFormsGiveTheLogitsOfTheMergedWeights) {
    TestAdapter files(small_config(false), all_modules, 3);
    files.save_folder(peft());
    files.save_gguf(gguf());
    std::vector<float> plain;
    {
        Llama base = base_llama();
        plain = logits_with(base, -1);
    }
    std::optional<std::vector<float>> of_first;
    for (const fs::path& path : {peft(), gguf()}) {
        ASSERT_TRUE(is_adapter(path));
        std::vector<Adapter> adapters = opened({path});
        Llama beside = base_llama(), merged = base_llama();
        EXPECT_EQ(add_adapter(beside, adapters), 0);
        merge_adapter(merged, adapters[0]);
        std::vector<float> expected = logits_with(merged, -1);
        EXPECT_GT(max_difference(expected, plain), 0.1);
        if (!of_first) of_first = expected;
        EXPECT_EQ(expected, *of_first) << "the numbers of both files are the same";
        EXPECT_LT(max_difference(logits_with(beside, 0), expected), 1e-5) << path;
        EXPECT_EQ(logits_with(beside, -1), plain) << "a sequence without the adapter";
    }
}

TEST_F(Adapters, EachSequenceUsesItsOwnAndSeveralAreAdded) {
    TestAdapter(small_config(false), {"self_attn.v_proj"}, 3).save_folder(peft());
    TestAdapter(small_config(false), {"self_attn.v_proj", "mlp.up_proj"}, 4).save_gguf(gguf());
    Llama llama = base_llama(), both = base_llama();
    std::vector<Adapter> first = opened({peft()}), second = opened({gguf()}), all = opened({peft(), gguf()});
    EXPECT_EQ(add_adapter(llama, first), 0);
    EXPECT_EQ(add_adapter(llama, second), 1);
    EXPECT_EQ(add_adapter(llama, all), 2);
    for (Adapter& adapter : all) merge_adapter(both, adapter);
    EXPECT_LT(max_difference(logits_with(llama, 2), logits_with(both, -1)), 1e-5);
    for (int index : {0, 1}) {
        Llama merged = base_llama();
        merge_adapter(merged, index == 0 ? first[0] : second[0]);
        EXPECT_LT(max_difference(logits_with(llama, index), logits_with(merged, -1)), 1e-5);
    }
}

TEST_F(Adapters, BasesOfOtherTypesWork) {
    TestAdapter(small_config(false), all_modules, 3).save_gguf(gguf());
    std::vector<Adapter> adapters = opened({gguf()});
    Llama llama = base_llama(Dtype::f16), merged = base_llama(Dtype::f16);
    add_adapter(llama, adapters);
    merge_adapter(merged, adapters[0]);
    EXPECT_LT(max_difference(logits_with(llama, 0), logits_with(merged, -1)), 0.05) << "rounded to f16";
}

// 32 columns and a rank of 32, so that both halves are whole blocks.
TEST_F(Adapters, HalvesMayBeQuantized) {
    std::vector<BlockQ8_0> a(32), b(32);
    for (size_t i = 0; i < 32; ++i)
        for (size_t j = 0; j < 32; ++j) {
            a[i].d = b[i].d = f16(1.0f / 128);
            a[i].q[j] = static_cast<int8_t>((7 * i + 5 * j) % 64 - 32);
            b[i].q[j] = static_cast<int8_t>((3 * i + 11 * j) % 64 - 32);
        }
    GgufMetadata metadata = adapter_keys("adapter", "llama");
    GgufWriter writer(
        gguf(), metadata,
        {{"blk.0.attn_q.weight.lora_a", Dtype::q8_0, {32, 32}}, {"blk.0.attn_q.weight.lora_b", Dtype::q8_0, {32, 32}}});
    for (std::vector<BlockQ8_0>* half : {&a, &b}) writer.write(Tensor(half->data(), Dtype::q8_0, {32, 32}));
    writer.commit();
    Config config{.dim = 32, .layers = 1, .heads = 4, .kv_heads = 2, .head_dim = 8, .ffn = 8, .vocabulary = 8};
    Llama llama = uninitialized_llama(choose_kernels(), config, {});
    std::vector<Adapter> adapters = opened({gguf()});
    add_adapter(llama, adapters);
    const Lora& lora = llama.layers[0].wq.adapters[0];
    EXPECT_EQ(lora.a.weight.row<float>(3)[5], static_cast<float>(a[3].q[5]) / 128);
    EXPECT_EQ(lora.b.weight.row<float>(9)[5], static_cast<float>(b[10].q[5]) / 128) << "the second pair of a head";
}

TEST_F(Adapters, ScalesFollowTheConfig) {
    TestAdapter files(small_config(false), {"self_attn.q_proj", "mlp.up_proj"}, 3);
    auto scales = [&](std::string_view fields) {
        files.save_folder(peft(), fields);
        Adapter adapter(peft());
        std::vector<float> list;
        for (const AdapterPair& pair : adapter.pairs(small_config(false))) list.push_back(pair.scale);
        return list;
    };
    EXPECT_EQ(scales(""), (std::vector<float>{1.5f, 1.5f, 1.5f, 1.5f})) << "6 / 4";
    EXPECT_EQ(scales(R"("use_rslora": true,)"), (std::vector<float>{3, 3, 3, 3})) << "6 / 2";
    EXPECT_EQ(scales(R"("alpha_pattern": {"layers.1.self_attn.q_proj": 2, "up_proj": 8},)"),
              (std::vector<float>{1.5f, 2, 0.5f, 2}));
}

TEST_F(Adapters, OfAnotherModelAreRejectedByName) {
    TestAdapter(small_config(false), {"mlp.up_proj"}, 3).save_folder(peft());
    Adapter adapter(peft());
    Config fewer = small_config(false), wider = small_config(false);
    fewer.layers = 1;
    wider.ffn = 48;
    std::string file = (peft() / "adapter_model.safetensors").string();
    EXPECT_EQ(error_of([&] { adapter.pairs(fewer); }),
              file +
                  ": tensor base_model.model.model.layers.1.mlp.up_proj.lora_A.weight is of layer 1, but the base has "
                  "1 layers: the adapter was made for another model");
    EXPECT_EQ(error_of([&] { adapter.pairs(wider); }),
              file +
                  ": tensor base_model.model.model.layers.0.mlp.up_proj.lora_B.weight has the shape [40, 4], but the "
                  "base's matrix is [48, 24]: the adapter was made for another model");
}

TEST_F(Adapters, WhatIsNotLoraIsRejectedByName) {
    TestAdapter(small_config(false), {"mlp.up_proj"}, 3).save_folder(peft());
    std::string config = (peft() / "adapter_config.json").string(), remedy = "merge this one into its base model";
    EXPECT_EQ(error_with("\"r\": 4", "\"r\": 0"), config + ": 'r' is 0; it must be 1 to 65536");
    EXPECT_THAT(error_with("\"r\": 4", "\"r\": 8"), HasSubstr("lora_A.weight has the rank 4, but adapter_config.json "
                                                              "implies another ('r' is 8)"));
    EXPECT_EQ(error_with("\"r\": 4", "\"r\": 8, \"rank_pattern\": {\"up_proj\": 4}"), "no error");
    EXPECT_EQ(error_with("\"r\": 4", "\"r\": 8, \"rank_pattern\": {\"^model.*up_proj\": 4}"), "no error");
    EXPECT_THAT(error_with("\"r\": 4", "\"r\": 4, \"rank_pattern\": {\"up_proj\": 8}"), HasSubstr("implies another"));
    for (const char* field : {"use_dora", "lora_bias", "fan_in_fan_out"})
        EXPECT_THAT(error_with("\"r\": 4", fmt::format("\"r\": 4, \"{}\": true", field)),
                    HasSubstr(fmt::format("'{}' is set; only LoRA adapters of matrices", field)));
    EXPECT_THAT(error_with("\"r\": 4", "\"r\": 4, \"modules_to_save\": [\"lm_head\"]"), HasSubstr("'modules_to_save'"));
    EXPECT_EQ(error_with("\"r\": 4", "\"r\": 4, \"modules_to_save\": [], \"rank_pattern\": {}, \"use_dora\": false"),
              "no error");
    EXPECT_THAT(error_with("\"LORA\"", "\"IA3\""), HasSubstr("'peft_type' is IA3"));
    EXPECT_THAT(error_with("\"r\": 4", "\"r\": 4, \"bias\": \"all\""), HasSubstr("'bias' is 'all'"));
    EXPECT_THAT(error_with("\"r\": 4", "\"r\": 4, \"task_type\": \"SEQ_CLS\""), HasSubstr("'task_type' is SEQ_CLS"));
    EXPECT_EQ(error_with("\"r\": 4", "\"r\": 4, \"task_type\": \"CAUSAL_LM\""), "no error");
    EXPECT_THAT(error_with("\"r\": 4", "\"r\": 4, \"init_lora_weights\": \"pissa_niter_4\""),
                HasSubstr("'init_lora_weights' is 'pissa_niter_4', which also changed the base model"));
    EXPECT_THAT(error_with("[\"up_proj\"]", "[\"up_proj\", \"router\"]"),
                HasSubstr("'target_modules' names router, which"));
    EXPECT_THAT(error_with("[\"up_proj\"]", "[\"up_proj\", \"q_proj\"]"), HasSubstr("names q_proj, but"));
    EXPECT_EQ(error_with("[\"up_proj\"]", "\"all-linear\""), "no error");
    EXPECT_THAT(
        error_with("[\"up_proj\"]", "[\"down_proj\"]"),
        HasSubstr("up_proj.lora_A.weight is of a matrix that 'target_modules' in adapter_config.json does not name"));
}

TEST_F(Adapters, TensorsMustBePairsOfMatrices) {
    float values[8] = {};
    auto error_of_tensors = [&](std::string_view a, std::string_view b, std::initializer_list<int64_t> shape_of_b) {
        std::vector<NamedTensor> tensors{{std::string(a), Tensor(values, Dtype::f32, {4, 2})}};
        if (!b.empty()) tensors.push_back({std::string(b), Tensor(values, Dtype::f32, shape_of_b)});
        make_folder(peft());
        write_safetensors(peft() / "adapter_model.safetensors", tensors);
        write_file(peft() / "adapter_config.json", R"({"r": 4})");
        return error_of([&] { Adapter adapter(peft()); });
    };
    std::string_view q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    EXPECT_THAT(error_of_tensors(q, "", {}), HasSubstr("q_proj.lora_A.weight has no other half (lora_B.weight)"));
    EXPECT_THAT(error_of_tensors(q, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", {4, 2}),
                HasSubstr("q_proj.lora_A.weight has the shape [4, 2] and lora_B.weight [4, 2]: their ranks differ"));
    EXPECT_THAT(error_of_tensors(q, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", {8}),
                HasSubstr("lora_B.weight has the shape [8]; it must be a matrix"));
    EXPECT_THAT(error_of_tensors(q, "model.layers.0.self_attn.q_proj.lora_A.weight", {4, 2}),
                HasSubstr("are the same half of a pair: the file is malformed"));
    for (const char* other :
         {"base_model.model.model.layers.00.self_attn.q_proj.lora_A.weight",
          "base_model.model.model.embed_tokens.lora_embedding_A",
          "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
          "base_model.model.model.layers.-1.self_attn.q_proj.lora_A.weight",
          "base_model.model.model.layers.0.input_layernorm.lora_A.weight", "base_model.model.lm_head.weight"})
        EXPECT_THAT(error_of_tensors(other, "", {}), HasSubstr(fmt::format("tensor {} is no half of a pair", other)));
    fs::remove(peft() / "adapter_model.safetensors");
    EXPECT_THAT(error_of([&] { Adapter adapter(peft()); }), HasSubstr("but no adapter_model.safetensors"));
}

TEST_F(Adapters, AModelThatKeepsItsAdaptersConfigIsAModel) {
    TestAdapter(small_config(false), {"mlp.up_proj"}, 3).save_folder(peft());
    EXPECT_TRUE(is_adapter(peft()));
    TestAdapter(small_config(false), {"mlp.up_proj"}, 3).save_gguf(peft() / "converted.gguf");
    EXPECT_TRUE(is_adapter(peft())) << "in both forms";
    Llama merged = base_llama();
    save_llama(merged, peft(), Dtype::f32);
    EXPECT_FALSE(is_adapter(peft()));
}

TEST_F(Adapters, AFolderMayHoldOneGgufFile) {
    TestAdapter adapter(small_config(false), {"mlp.up_proj"}, 3);
    fs::path folder = gguf().parent_path() / "downloaded";
    fs::create_directory(folder);
    adapter.save_gguf(folder / "adapter-f32.gguf");
    EXPECT_TRUE(is_adapter(folder));
    EXPECT_EQ(Adapter(folder).path(), folder / "adapter-f32.gguf");
    EXPECT_EQ(
        error_of([&] { find_adapted(folder, {}); }),
        (folder / "adapter-f32.gguf").string() +
            ": is a LoRA adapter, and does not name its base model: pass the base model, and this as its adapter");
    adapter.save_gguf(folder / "adapter-f32.gguf", "https://huggingface.co/owner/base");
    EXPECT_EQ(Adapter(folder).base(), "owner/base");
    Llama base = base_llama();
    save_llama(base, peft(), Dtype::f32);
    auto find = [&](std::string_view name) { return name == "owner/base" ? std::optional(peft()) : std::nullopt; };
    EXPECT_EQ(find_adapted(folder, {}, find).path, peft());
    adapter.save_gguf(folder / "adapter-f16.gguf");
    EXPECT_FALSE(is_adapter(folder)) << "which one?";
    fs::remove(folder / "adapter-f16.gguf");
    Llama merged = base_llama();
    save_llama(merged, folder, Dtype::f32);
    EXPECT_FALSE(is_adapter(folder)) << "it is a model's";
}

TEST_F(Adapters, OtherGgufFilesAreRejected) {
    GgufWriter(gguf(), adapter_keys("model", "llama"), {}).commit();
    EXPECT_FALSE(is_adapter(gguf()));
    EXPECT_THAT(error_of([&] { Adapter adapter(gguf()); }), HasSubstr("general.type is 'model', not 'adapter'"));
    GgufMetadata activated = adapter_keys("adapter", "llama");
    activated.add_list("adapter.alora.invocation_tokens", std::vector<int32_t>{1});
    GgufWriter(gguf(), activated, {}).commit();
    EXPECT_THAT(error_of([&] { Adapter adapter(gguf()); }), HasSubstr("it is an activated LoRA adapter"));
    GgufWriter(gguf(), adapter_keys("adapter", "gemma"), {}).commit();
    EXPECT_THAT(error_of([&] { Adapter adapter(gguf()); }), HasSubstr("for 'gemma' (general.architecture); only lora"));
}

}  // namespace
}  // namespace puna
