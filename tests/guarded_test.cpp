// Models, training and generation with memory that the host cannot access, as on a device: nothing forgets a copy.
#include "kernels/testing/guarded.h"
#include "bench/golden.h"
#include "core/hash.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "infer/engine.h"
#include "infer/fake_model.h"
#include "kernels/host_copy.h"
#include "model/apply_adapter.h"
#include "model/load.h"
#include "model/test_adapter.h"
#include "train/optimizer.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

const Kernels& scalar_table() { return *find_kernels("scalar"); }

TEST(Guarded, HostAccessFaults) {
    Buffer buffer(guarded_kernels(), 16);
    volatile std::byte* planted = buffer.data();
    EXPECT_DEATH(planted[3] = std::byte{1}, "");
    EXPECT_DEATH((void)static_cast<std::byte>(planted[0]), "");
}

std::vector<double> values_of(const Kernels& kernels, const Param& param) {
    std::vector<double> values;
    HostCopy copy(kernels, {}, param.weight);
    with_type(param.weight.dtype, [&]<class T>() {
        for (T value : copy.download().span<T>()) values.push_back(static_cast<double>(static_cast<float>(value)));
    });
    return values;
}

TEST(Guarded, WeightsAreCopiedFromMappedFiles) {
    TestFolder folder;
    Llama original = fake_llama(1, 512, scalar_table());
    for (Dtype stored : {Dtype::f32, Dtype::bf16}) {
        save_llama(original, folder.path(), stored);
        for (std::optional<Dtype> type : {std::optional<Dtype>(), std::optional(Dtype::bf16)}) {
            Llama expected = load_llama(scalar_table(), folder.path(), {.dtype = type});
            Llama llama = load_llama(guarded_kernels(), folder.path(), {.dtype = type});
            for (size_t i = 0; i < llama.params().size(); ++i) {
                EXPECT_EQ(mapped_path_at(llama.params()[i]->weight.data), nullptr) << i;
                EXPECT_EQ(llama.params()[i]->weight.dtype, expected.params()[i]->weight.dtype) << i;
                EXPECT_EQ(values_of(guarded_kernels(), *llama.params()[i]),
                          values_of(scalar_table(), *expected.params()[i]))
                    << i;
            }
        }
    }
}

void expect_golden_numbers(const std::filesystem::path& model) {
    for (Dtype type : {Dtype::f32, Dtype::bf16})
        for (const GoldenRow& row : check_golden(model, guarded_kernels(), type))
            EXPECT_LE(row.error, row.tolerance) << model.string() << " " << row.what;
}

TEST(Guarded, TheTinyGoldenModelIsWithinItsTolerances) { expect_golden_numbers("tests/golden/tiny"); }

TEST(Guarded, GoldenModelsAreWithinTheirTolerances) {
    const std::filesystem::path golden = "../shared/golden";
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    for (const char* model : {"tiny3", "tinytied"}) expect_golden_numbers(golden / model);
}

// Weights after ten steps of two passes each, one of them with recomputed activations.
std::string train_ten_steps(const Kernels& kernels, Dtype type) {
    Config config{.dim = 48, .layers = 2, .heads = 4, .kv_heads = 2, .head_dim = 12, .ffn = 80, .vocabulary = 64};
    config.attention_bias = config.mlp_bias = true;
    Llama llama = seeded_llama(kernels, config, 3, {.dtype = type, .trainable = true});
    Gradients gradients(kernels, gradient_elements(llama), {.chunks_per_pass = 2, .chunks_per_step = 4},
                        &llama.output.weight);
    Optimizer optimizer(llama, {});
    for (int32_t step = 0; step < 10; ++step) {
        for (Activations activations : {Activations::keep, Activations::recompute}) {
            Batch batch{.sequences = {{0, 30}, {30, 18}}, .chunk = {0, 20, 48}};
            for (int32_t i = 0; i < 48; ++i) batch.tokens.push_back((i * i + step) % 64);
            for (int32_t i = 0; i < 48; ++i) batch.targets.push_back(i % 5 ? (i * 7 + step) % 64 : -1);
            Pass pass(kernels, &gradients, activations);
            pass.begin(batch);
            llama.loss(pass, llama.forward(pass), 1.0f / 96);
            pass.backward();
            gradients.advance(2);
        }
        optimizer.step(llama, gradients.finish(), 1e-2);
    }
    Hash hash;
    for (Param* p : llama.params())
        if (p->master) hash.add(std::as_bytes(HostCopy(kernels, {}, p->master).download().span<float>()));
    return hash.digits();
}

TEST(Guarded, TrainingHasTheBitsOfScalar) {
    for (Dtype type : {Dtype::f32, Dtype::bf16})
        EXPECT_EQ(train_ten_steps(guarded_kernels(), type), train_ten_steps(scalar_table(), type)) << info(type).name;
}

// With an adapter beside the weights of the first model and merged into those of the second.
std::vector<float> scores_with_adapter(const Kernels& kernels, const std::filesystem::path& path) {
    std::vector<Adapter> adapters;
    adapters.emplace_back(path);
    Llama beside = fake_llama(1, 512, kernels), merged = fake_llama(1, 512, kernels);
    int index = add_adapter(beside, adapters);
    merge_adapter(merged, adapters[0]);
    std::vector<int32_t> tokens{256, 72, 105, 33, 72, 105};
    std::vector<float> all = Engine(std::move(beside), fake_tokenizer(), {.adapter = index}).score(tokens, 1),
                       more = Engine(std::move(merged), fake_tokenizer()).score(tokens, 1);
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

TEST(Guarded, AdaptersAreCopiedFromMappedFiles) {
    TestFolder folder;
    TestAdapter files(fake_llama().config, {"self_attn.q_proj", "mlp.down_proj"}, 3);
    files.save_folder(folder / "adapter");
    files.save_gguf(folder / "adapter.gguf");
    for (const char* name : {"adapter", "adapter.gguf"})
        EXPECT_EQ(scores_with_adapter(guarded_kernels(), folder / name),
                  scores_with_adapter(scalar_table(), folder / name));
}

struct Results {
    std::vector<int32_t> ids, again;
    std::vector<float> scores, logits, embedding;
    int64_t reused;
    bool operator==(const Results&) const = default;
};

// With a prompt of more than a page, which is found again.
Results results_of(const Kernels& kernels, Dtype cache_type) {
    Engine engine(fake_llama(1, 512, kernels), fake_tokenizer(),
                  {.context = 150, .step_tokens = 40, .cache_type = cache_type});
    std::vector<int32_t> prompt{256};
    for (int32_t i = 0; i < 70; ++i) prompt.push_back(97 + i * 7 % 26);
    GenerateOptions greedy{.sample = {.temperature = 0}, .max_tokens = 40};
    std::vector<int32_t> ids = engine.generate(prompt, greedy).ids;
    Answer again = engine.generate(prompt, greedy), score = engine.score_with_logits(prompt, 65);
    return {ids, again.ids, score.log_p, score.logits, engine.embed(prompt), again.reused};
}

TEST(Guarded, GenerationScoresAndEmbeddingsAreThoseOfScalar) {
    for (Dtype cache_type : {Dtype::f32, Dtype::bf16}) {
        Results guarded = results_of(guarded_kernels(), cache_type);
        EXPECT_EQ(guarded.ids.size(), 40u);
        EXPECT_EQ(guarded.again, guarded.ids);
        EXPECT_EQ(guarded.reused, 64);
        EXPECT_EQ(guarded.logits.size(), 6u * 272);
        EXPECT_TRUE(guarded == results_of(scalar_table(), cache_type)) << info(cache_type).name;
    }
}

}  // namespace
}  // namespace puna
