#include "model/load.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "core/test_resident.h"
#include "files/test_torch.h"
#include "model/test_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>

namespace puna {
namespace {

using testing::HasSubstr;

TEST(Load, SaveAndLoadRoundTripsBitExactly) {
    TestFolder folder;
    for (bool tied : {false, true}) {
        Llama llama = seeded_llama(choose_kernels(), small_config(tied), 7, {});
        save_llama(llama, folder.path(), Dtype::f32);
        Llama again = load_llama(choose_kernels(), folder.path(), {});
        EXPECT_EQ(logits_of(again), logits_of(llama));
        EXPECT_EQ(again.config.eos, (std::vector<int32_t>{4, 5}));
        EXPECT_EQ(again.config.tied, tied);
    }
}

TEST(Load, ShardedAndSingleFileModelsAreEqual) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    save_llama(llama, folder.path() / "one", Dtype::bf16);
    save_llama(llama, folder.path() / "many", Dtype::bf16, {.max_shard_bytes = 4000});
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "many/model.safetensors.index.json"));
    Llama one = load_llama(choose_kernels(), folder.path() / "one", {}),
          many = load_llama(choose_kernels(), folder.path() / "many", {});
    EXPECT_EQ(one.layers[0].wq.weight.weight.dtype, Dtype::bf16);
    EXPECT_EQ(logits_of(one), logits_of(many));
}

TEST(Load, SixteenBitModelsKeepNormsInF32) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    std::vector<float> exact = logits_of(llama);
    for (Dtype dtype : {Dtype::f16, Dtype::bf16}) {
        save_llama(llama, folder.path() / info(dtype).name, dtype);
        Llama stored = load_llama(choose_kernels(), folder.path() / info(dtype).name, {});
        EXPECT_EQ(stored.norm.weight.dtype, Dtype::f32);
        EXPECT_EQ(stored.layers[1].w2.weight.weight.dtype, dtype);
        std::vector<float> got = logits_of(stored);
        for (size_t i = 0; i < got.size(); ++i)
            ASSERT_NEAR(got[i], exact[i], dtype == Dtype::f16 ? 2e-3 : 2e-2) << info(dtype).name;
    }
}

TEST(Load, SharedModelSeesWeightUpdates) {
    Llama llama = seeded_llama(choose_kernels(), small_config(true), 7, {.trainable = true});
    Llama view = shared_llama(llama);
    EXPECT_EQ(logits_of(view), logits_of(llama));
    for (float& value : llama.layers[0].wv.weight.master.span<float>()) value *= 2;
    refresh_weights(llama);
    EXPECT_EQ(logits_of(view), logits_of(llama));
}

// A copy in panels would not see updates.
TEST(Load, SharedModelSeesWeightUpdatesOfEveryDtype) {
    for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
        Llama llama = seeded_llama(choose_kernels(), small_config(true), 7, {.dtype = dtype, .trainable = true});
        Llama view = shared_llama(llama);
        view.packing_room = 1 << 30;
        std::vector<float> before = logits_of(view, 9);
        for (float& value : llama.layers[0].wv.weight.master.span<float>()) value *= 2;
        refresh_weights(llama);
        EXPECT_NE(logits_of(view, 9), before) << info(dtype).name;
        EXPECT_EQ(logits_of(view, 9), logits_of(llama, 9)) << info(dtype).name;
    }
}

TEST(Load, MatricesArePackedOnceAndKeepTheirBits) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(true), 7, {});
    save_llama(llama, folder.path(), Dtype::bf16);
    Llama stored = load_llama(choose_kernels(), folder.path(), {}),
          roomy = load_llama(choose_kernels(), folder.path(), {});
    roomy.packing_room = 1 << 30;
    EXPECT_EQ(logits_of(roomy, 1), logits_of(stored, 1));
    EXPECT_FALSE(stored.layers[0].w1.weight.weight.is_packed()) << "there is no room";
    EXPECT_TRUE(roomy.layers[0].w1.weight.weight.is_packed());
    EXPECT_TRUE(roomy.tok_embeddings.weight.is_packed()) << "the output, which is packed, is tied";
    int64_t left = roomy.packing_room;
    EXPECT_EQ(logits_of(roomy, 9), logits_of(stored, 9));
    EXPECT_EQ(roomy.packing_room, left);
    EXPECT_EQ(logits_of(roomy, 3), logits_of(stored, 3)) << "few rows of x";
}

// Matrices of many pages.
Config paged_config() {
    Config config{.dim = 256, .layers = 2, .heads = 4, .kv_heads = 2, .head_dim = 64, .ffn = 512, .vocabulary = 1024};
    return config;
}

// Of the matrices that are packed.
int64_t packed_bytes(Llama& llama) {
    int64_t bytes = 0;
    for (Param* p : llama.params())
        if (p->weight.is_packed()) bytes += p->weight.bytes();
    return bytes;
}

int64_t matrix_bytes(Llama& llama) {
    int64_t bytes = 0;
    for (Param* p : llama.params())
        if (p->weight.rank == 2 && p != &llama.tok_embeddings) bytes += p->weight.bytes();
    return bytes;
}

TEST(Load, PackedCopiesOfAFileKeepTheirRoomAndReleaseItsPages) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), paged_config(), 7, {});
    save_llama(llama, folder.path(), Dtype::bf16);
    std::filesystem::path file = folder / "model.safetensors";
    Llama stored = load_llama(choose_kernels(), folder.path(), {});
    int64_t all = matrix_bytes(stored), room = all / 2;
    std::vector<float> expected = logits_of(stored);
    EXPECT_GE(resident_bytes_of(file), all);
    stored.packing_room = room;
    EXPECT_EQ(logits_of(stored), expected);
    int64_t packed = packed_bytes(stored);
    EXPECT_GT(packed, room / 2);
    EXPECT_EQ(stored.packing_room, room - packed) << "room for half of the matrices is not room for all";
    stored.packing_room = all;
    EXPECT_EQ(logits_of(stored), expected);
    EXPECT_EQ(packed_bytes(stored), all);
    EXPECT_LT(resident_bytes_of(file), file_size(file) - all / 2) << "one copy: the rows in the file are released";
}

TEST(Load, APassPacksNoMoreThanItsPart) {
    Llama llama = seeded_llama(choose_kernels(), paged_config(), 7, {});
    std::vector<float> expected = logits_of(llama);
    int64_t all = matrix_bytes(llama), largest = llama.output.weight.weight.bytes(), before = 0;
    llama.packing_room = 1 << 30;
    llama.packed_at_once = all / 8;
    while (before < all) {
        EXPECT_EQ(logits_of(llama), expected);
        int64_t packed = packed_bytes(llama) - before;
        ASSERT_GT(packed, 0);
        EXPECT_LT(packed, all / 8 + largest) << "the last matrix may be more than what is left";
        before += packed;
    }
    Llama other = seeded_llama(choose_kernels(), paged_config(), 7, {});
    other.packing_room = 1 << 30;
    other.packed_at_once = 1;
    other.pack_all();
    EXPECT_EQ(packed_bytes(other), all) << "at once";
}

// The rows of a weight in own memory are freed after the copy is made: there must be memory for both.
// Larger matrices are packed in parts, in which the last panel may be incomplete.
TEST(Load, LargeMatricesArePackedInParts) {
    Config config = small_config(false);
    config.dim = 64;
    config.vocabulary = 70'001;  // two parts and a bit
    Llama llama = seeded_llama(choose_kernels(), config, 7, {});
    TestFolder folder;
    save_llama(llama, folder.path(), Dtype::f32);
    Llama packed = load_llama(choose_kernels(), folder.path(), {});
    packed.packing_room = 1 << 30;
    EXPECT_EQ(logits_of(packed), logits_of(llama));
    EXPECT_TRUE(packed.output.weight.weight.is_packed());
    EXPECT_LT(resident_bytes_of(folder / "model.safetensors"), 4 << 20) << "of 36 MB: all parts are released";
}

TEST(Load, WeightsInOwnMemoryArePackedIfThereIsRoomForTheLargest) {
    Llama llama = seeded_llama(choose_kernels(), paged_config(), 7, {});
    int64_t all = matrix_bytes(llama), ffn = llama.layers[0].w1.weight.weight.bytes();
    std::vector<float> expected = logits_of(llama);
    EXPECT_EQ(packed_bytes(llama), 0) << "there is no room";
    llama.packing_room = ffn;
    EXPECT_EQ(logits_of(llama), expected);
    EXPECT_EQ(packed_bytes(llama), all - llama.output.weight.weight.bytes());
    EXPECT_EQ(llama.packing_room, ffn) << "it was needed only for a moment";
}

TEST(Load, RecomputedActivationsAreBitIdenticalToSavedOnes) {
    for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
        std::vector<std::vector<float>> sums;
        for (Activations activations : {Activations::keep, Activations::recompute}) {
            Llama llama = seeded_llama(choose_kernels(), small_config(true), 7, {.dtype = dtype, .trainable = true});
            Gradients gradients(choose_kernels(), gradient_elements(llama), {}, &llama.output.weight);
            Pass pass(choose_kernels(), &gradients, activations);
            std::vector<int32_t> tokens{1, 7, 30, 2, 2, 49};
            Batch batch = batch_of(tokens);
            batch.targets = {7, 30, -1, 2, 49, 0};
            batch.chunk = {0, 6};
            pass.begin(batch);
            llama.loss(pass, llama.forward(pass), 0.2f);
            pass.backward();
            gradients.advance(1);
            std::span<float> sum = gradients.finish().span<float>();
            sums.emplace_back(sum.begin(), sum.end());
        }
        EXPECT_TRUE(sums[0] == sums[1]) << info(dtype).name;
    }
}

// Checkpoints as quantizers write them: matrices replaced, with auxiliary tensors beside them.
TEST(Load, QuantizedTensorsAreReportedAsQuantized) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    std::string all = read_text(folder / "model.safetensors");
    std::vector<float> values(24 * 24);
    Tensor small(values.data(), Dtype::f32, {4});
    std::string name = "model.layers.0.self_attn.q_proj.";
    std::optional<ErrorKind> kind;  // of the last error
    auto error_with = [&](std::string_view instead, std::string_view beside) -> std::string {
        write_file(folder / "model.safetensors", all);
        std::vector<NamedTensor> tensors;
        SafetensorsFile file(folder / "model.safetensors");
        for (const TensorEntry& entry : file.entries())
            if (entry.name != name + "weight") tensors.push_back({std::string(entry.name), file.tensor(entry)});
        if (!instead.empty()) tensors.push_back({name + std::string(instead), small});
        if (!beside.empty()) tensors.push_back({name + std::string(beside), small});
        write_safetensors(folder / "model.safetensors", tensors);
        auto load = [&] { load_llama(choose_kernels(), folder.path(), {}); };
        kind = error_kind_of(load);
        return error_of(load);
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
    EXPECT_THAT(error_with("weight", ""), HasSubstr("has the shape"));
    EXPECT_THAT(error_with("", ""), HasSubstr("q_proj.weight is missing"));
    EXPECT_EQ(kind, ErrorKind::not_found);
    EXPECT_THAT(error_with("codes", ""), HasSubstr("q_proj.codes: the model seems to be quantized"));
    EXPECT_EQ(kind, ErrorKind::unsupported);
}

TEST(Load, TensorsOfOtherDtypesAreNamedWithARemedy) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    std::string file = read_text(folder / "model.safetensors");
    file[file.find("\"F32\"") + 1] = 'I';
    write_file(folder / "model.safetensors", file);
    auto load = [&] { load_llama(choose_kernels(), folder.path(), {}); };
    EXPECT_THAT(error_of(load), HasSubstr("is I32; only F32, F16 and BF16 are supported: use the unquantized model"));
    EXPECT_EQ(error_kind_of(load), ErrorKind::unsupported);
}

TEST(Load, ColumnsAreSplitInWholeBlocks) {
    check_column_split("w2", Dtype::bf16, 90, 3, "llama");
    check_column_split("w2", Dtype::q4_0, 96, 3, "llama");
    EXPECT_EQ(error_of([] { check_column_split("w2", Dtype::q4_0, 96, 2, "llama"); }),
              "llama: tensor w2 cannot be split over 2 processes: 48 columns are not whole blocks of q4_0 "
              "(32 elements): use fewer");
    EXPECT_EQ(error_kind_of([] { check_column_split("w2", Dtype::q4_0, 96, 2, "llama"); }), ErrorKind::usage);
}

TEST(Load, BiasesAreSavedAndLoaded) {
    TestFolder folder;
    Config config = small_config(false);
    config.attention_bias = config.mlp_bias = true;
    Llama llama = seeded_llama(choose_kernels(), config, 7, {});
    std::vector<float> without = logits_of(llama);
    float next = 0;
    visit(config, llama, [&](auto& weight, const WeightInfo& info) {
        if (info.kind == WeightKind::bias)
            for (float& value : param_of(weight).weight.template span<float>()) value = std::sin(next += 1);
    });
    std::vector<float> logits = logits_of(llama);
    EXPECT_NE(logits, without);
    for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
        save_llama(llama, folder.path(), dtype);
        Llama stored = load_llama(choose_kernels(), folder.path(), {}),
              trainable = load_llama(choose_kernels(), folder.path(), {.dtype = dtype, .trainable = true});
        EXPECT_EQ(logits_of(stored), logits_of(trainable));
        EXPECT_EQ(logits_of(stored) == logits, dtype == Dtype::f32);
        EXPECT_EQ(stored.layers[1].w2.bias.weight.dtype, Dtype::f32) << "as all vectors";
    }
}

TEST(Load, KeysDecideHowManyHeadsTheyHave) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    std::string config = read_text(folder / "config.json"), field = "\"num_key_value_heads\": 2,";
    for (const char* wrong : {"", "\"num_key_value_heads\": 1,"}) {
        std::string changed = config;
        write_file(folder / "config.json", changed.replace(changed.find(field), field.size(), wrong));
        testing::internal::CaptureStderr();
        Llama again = load_llama(choose_kernels(), folder.path(), {});
        EXPECT_THAT(testing::internal::GetCapturedStderr(),
                    HasSubstr("key/value heads, the weights have 2: using these"));
        EXPECT_EQ(logits_of(again), logits_of(llama));
    }
}

TEST(Load, UnneededShardMayBeMissing) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32, {.max_shard_bytes = 4000});
    std::string index = read_text(folder / "model.safetensors.index.json");
    size_t map = index.find('{', index.find("weight_map"));
    write_file(folder / "model.safetensors.index.json",
               index.insert(map + 1,
                            R"("vision.w": "none.safetensors", "model.rotary": "model-00001-of-00002.safetensors",)"));
    Llama again = load_llama(choose_kernels(), folder.path(), {});
    EXPECT_EQ(logits_of(again), logits_of(llama));
}

TEST(Load, TensorsThatLlamaDoesNotHaveAreReported) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    float bias = 1;
    Tensor extra(&bias, Dtype::f32, {1});
    write_safetensors(folder / "extra.safetensors", {{"model.layers.0.self_attn.q_proj.bias", extra},
                                                     {"model.layers.0.self_attn.rotary_emb.inv_freq", extra}});
    std::filesystem::rename(folder / "model.safetensors", folder / "all.safetensors");
    write_file(folder / "model.safetensors.index.json",
               R"({"weight_map": {"a": "all.safetensors", "b": "extra.safetensors"}})");
    testing::internal::CaptureStderr();
    load_llama(choose_kernels(), folder.path(), {});
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                HasSubstr("ignored 1 tensor that a Llama does not have, such as model.layers.0.self_attn.q_proj.bias"));
}

TEST(Load, LayersAfterTheConfigsLastOneAreRefused) {
    TestFolder folder;
    Config config = small_config(false);
    Llama llama = seeded_llama(choose_kernels(), config, 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    std::string json = read_text(folder / "config.json"),
                field = fmt::format("\"num_hidden_layers\": {}", config.layers);
    ASSERT_NE(json.find(field), json.npos);
    write_file(folder / "config.json", json.replace(json.find(field), field.size(),
                                                    fmt::format("\"num_hidden_layers\": {}", config.layers - 1)));
    EXPECT_THAT(error_of([&] { load_llama(choose_kernels(), folder.path(), {}); }),
                HasSubstr(fmt::format("has tensor model.layers.{}.self_attn.q_proj.weight, but config.json implies {}",
                                      config.layers - 1, format_count(config.layers - 1, "layer"))));
}

TEST(Load, PartsOfOtherArchitecturesAreRefused) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    float values[8] = {};
    for (auto [name, meaning] : {std::pair{"model.layers.0.self_attn.q_norm.weight", "queries that are normalized"},
                                 {"model.layers.0.self_attn.sinks", "attention sinks"},
                                 {"model.layers.1.mlp.experts.0.w1.weight", "a mixture of experts"},
                                 {"model.layers.0.self_attn.q_proj.lora_A.weight", "a LoRA adapter"}}) {
        save_llama(llama, folder / name, Dtype::f32);
        std::filesystem::path weights = folder / name / "model.safetensors";
        std::vector<NamedTensor> tensors{{name, Tensor(values, Dtype::f32, {8})}};
        SafetensorsFile file(weights);
        for (const TensorEntry& entry : file.entries())
            tensors.push_back({std::string(entry.name), file.tensor(entry)});
        write_safetensors(folder / "new", tensors);
        std::filesystem::rename(folder / "new", weights);
        EXPECT_THAT(error_of([&, path = folder / name] { load_llama(choose_kernels(), path, {}); }),
                    testing::AllOf(HasSubstr(name), HasSubstr(meaning)));
    }
}

// The tensors of a model as torch.save writes them: the first n, and the others.
std::array<std::string, 2> torch_files(Llama& llama, size_t n) {
    std::array<std::vector<TorchTensor>, 2> files;
    visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
        std::span<float> values = param_of(weight).weight.template span<float>();
        files[files[0].size() < n ? 0 : 1].push_back(
            {hugging_face_name(info), info.shape(), {values.begin(), values.end()}});
    });
    return {torch_file(files[0]), torch_file(files[1])};
}

TEST(Load, PickledWeightsAreReadWhereThereAreNoSafetensors) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    write_file(folder / "config.json", config_json(llama.config, Dtype::f32));
    auto loaded = [&] {
        Llama again = load_llama(choose_kernels(), folder.path(), {});
        return logits_of(again);
    };
    write_file(folder / "pytorch_model.bin", torch_files(llama, 99)[0]);
    EXPECT_EQ(loaded(), logits_of(llama));
    std::filesystem::remove(folder / "pytorch_model.bin");
    auto [first, second] = torch_files(llama, 5);
    write_file(folder / "pytorch_model-00001-of-00002.bin", first);
    write_file(folder / "pytorch_model-00002-of-00002.bin", second);
    write_file(folder / "pytorch_model.bin.index.json",
               R"({"weight_map": {"a": "pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"}})");
    EXPECT_EQ(loaded(), logits_of(llama));
    std::filesystem::remove(folder / "pytorch_model-00002-of-00002.bin");
    EXPECT_THAT(error_of(loaded), HasSubstr("is missing"));
    Llama other = seeded_llama(choose_kernels(), small_config(false), 8, {});
    save_llama(other, folder.path(), Dtype::f32);
    EXPECT_EQ(loaded(), logits_of(other)) << "safetensors are preferred";
    std::filesystem::remove(folder / "model.safetensors");
    write_file(folder / "pytorch_model.bin", "\x80\x02}.");
    EXPECT_THAT(error_of(loaded), HasSubstr("pytorch_model.bin: is a PyTorch checkpoint in the format from before "
                                            "PyTorch 1.6: save it again"));
}

TEST(Load, FilesThatAreNoWholeModelAreNamed) {
    TestFolder folder;
    write_file(folder / "adapter_config.json", "x");
    EXPECT_EQ(error_of([&] { load_config(folder.path()); }),
              folder.path().string() + ": is a LoRA adapter: pass its base model, and the folder as its adapter");
    write_file(folder / "consolidated.00.pth", "PK\x03\x04");
    EXPECT_THAT(error_of([&] { load_config(folder / "consolidated.00.pth"); }),
                HasSubstr("consolidated.00.pth: holds weights of a model: pass its folder, with params.json"));
    write_file(folder / "model.safetensors", "x");
    EXPECT_THAT(error_of([&] { load_config(folder / "model.safetensors"); }),
                HasSubstr("model.safetensors: holds weights of a model: pass its folder, with config.json"));
    write_file(folder / "config.json", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n");
    EXPECT_THAT(error_of([&] { read_config(folder / "config.json"); }), HasSubstr("git lfs pull"));
}

// Files of older writers have a header of any length.
TEST(Load, MisalignedWeightsArePlannedAsMemoryAndCopiedOnlyToBeLoaded) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    std::string file = read_text(folder / "model.safetensors");
    uint64_t header = 0;
    std::memcpy(&header, file.data(), sizeof header);
    file.insert(8 + header, " ");
    ++header;
    std::memcpy(file.data(), &header, sizeof header);
    write_file(folder / "model.safetensors", file);
    std::shared_ptr<ModelSource> source = open_model(folder.path());
    for (const HeldWeight& weight : held_weights(choose_kernels(), *source, {})) EXPECT_FALSE(weight.mapped);
    WeightInfo first = list_weights(source->config())[0];
    EXPECT_FALSE(is_aligned(source->inspect(first).parts[0]));
    EXPECT_TRUE(is_aligned(source->weight(first).parts[0]));
    EXPECT_FALSE(is_aligned(source->inspect(first).parts[0])) << "a view of the file, although there is a copy";
    Llama loaded = load_llama(choose_kernels(), source, {});
    EXPECT_EQ(logits_of(loaded), logits_of(llama));
}

TEST(Load, GenerationConfigMustBeAFileWithContent) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    save_llama(llama, folder.path(), Dtype::f32);
    std::filesystem::path file = folder / "generation_config.json";
    auto problem = [&] { return error_of([&] { open_model(folder.path())->generation_defaults(); }); };
    EXPECT_EQ(problem(), "no error");
    write_file(file, "");
    EXPECT_EQ(problem(), file.string() + ": is empty: download or copy it again");
    std::filesystem::remove(file);
    std::filesystem::create_symlink("/dev/zero", file);
    EXPECT_EQ(problem(), file.string() + ": is not a regular file");
}

TEST(Load, InvalidFoldersAreRejectedWithTheReason) {
    TestFolder folder;
    Llama llama = seeded_llama(choose_kernels(), small_config(false), 7, {});
    auto message = [&] { return error_of([&] { load_llama(choose_kernels(), folder.path(), {}); }); };
    auto message_of = [](const std::filesystem::path& path) { return error_of([&] { load_config(path); }); };
    std::string name = folder.path().string(),
                remedy = "pass a model folder in Hugging Face's or Meta's format, or a GGUF file";
    EXPECT_EQ(message(), name + ": contains no config.json: " + remedy);
    EXPECT_EQ(message_of(folder.path() / "none"), name + "/none: no such file or folder: " + remedy);
    write_file(folder.path() / "story.txt", "Once");
    EXPECT_EQ(message_of(folder.path() / "story.txt"), name + "/story.txt: is not a folder: " + remedy);
    std::filesystem::create_directories(folder.path() / "run/checkpoints");
    EXPECT_EQ(message_of(folder.path() / "run"),
              name + "/run: its training has not reached a checkpoint yet, so there is no model; resume it, or wait");
    save_llama(llama, folder.path(), Dtype::f32);
    std::string config = read_text(folder.path() / "config.json");
    auto with = [&](const std::string& from, const std::string& to) {
        std::string changed = config;
        changed.replace(changed.find(from), from.size(), to);
        write_file(folder.path() / "config.json", changed);
        return message();
    };
    EXPECT_THAT(with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
                HasSubstr("model.layers.2.self_attn.q_proj.weight is missing"));
    EXPECT_THAT(
        with("\"intermediate_size\": 40", "\"intermediate_size\": 48"),
        HasSubstr(
            "gate_proj.weight has the shape [40, 24], but config.json implies [48, 24]: one of the two belongs to "
            "another model"));
    EXPECT_THAT(with("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\""), HasSubstr("'gelu'"));
    EXPECT_THAT(with("\"attention_bias\": false", "\"attention_bias\": true"),
                HasSubstr("tensor model.layers.0.self_attn.q_proj.bias is missing: set \"attention_bias\" and"));
    EXPECT_THAT(with("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3"), HasSubstr("not a multiple"));
    EXPECT_THAT(with("\"rope_scaling\": null", "\"rope_scaling\": {\"rope_type\": \"ntk\", \"factor\": 2}"),
                HasSubstr("'ntk'"));
    EXPECT_THAT(with("\"hidden_size\": 24", "\"hidden_size\": \"wide\""),
                HasSubstr("'hidden_size' must be an integer"));
    write_file(folder.path() / "config.json", config);
    Llama tied = seeded_llama(choose_kernels(), small_config(true), 1, {});
    save_llama(tied, folder.path(), Dtype::f32);
    write_file(folder.path() / "config.json", config);
    EXPECT_EQ(message(), name +
                             ": tensor lm_head.weight is missing: if the embeddings are the output too, set "
                             "\"tie_word_embeddings\": true in config.json; else download or copy the weights again");
    std::filesystem::resize_file(folder.path() / "model.safetensors", 5000);
    EXPECT_THAT(message(), HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace puna
