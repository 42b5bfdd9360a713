#include "infer/memory_plan.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "infer/fake_model.h"
#include "infer/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace puna {
namespace {

using testing::HasSubstr;

constexpr int64_t gigabyte = 1'000'000'000;

Config llama_1b() {
    Config config{.dim = 2048, .layers = 16, .heads = 32, .kv_heads = 8, .head_dim = 64, .ffn = 8192};
    config.vocabulary = 128256;
    config.context = 131072;
    config.tied = true;
    return config;
}

TEST(MemoryPlan, CountsTheCacheOfEverySlot) {
    // 2 (keys, values) * 16 layers * 512 elements * 4 bytes: 64 KiB for a token; 1000 tokens are 16 pages of 64.
    constexpr int64_t slot = 16 * 64 * 65536;
    auto cache = [](const EngineOptions& options) {
        return plan_memory(*find_kernels("scalar"), llama_1b(), {}, options, gigabyte).cache;
    };
    EXPECT_EQ(cache({.context = 1000}), slot);
    EXPECT_EQ(cache({.context = 1000, .sequences = 3}), 3 * slot);
    EXPECT_EQ(cache({.context = 1000, .cache_type = Dtype::bf16}), slot / 2);
    EXPECT_EQ(plan_memory(choose_kernels(), llama_1b(), {}, {}, gigabyte).context, default_context);
    EXPECT_EQ(error_of([] { plan_memory(choose_kernels(), llama_1b(), {}, {.context = 131073}, gigabyte); }),
              "context: 131073 is more than this model supports: use at most 131072");
}

TEST(MemoryPlan, MappedWeightsMustFitToo) {
    std::vector<HeldWeight> weights{{3 * gigabyte, true}, {gigabyte, false}};
    MemoryPlan plan = plan_memory(choose_kernels(), llama_1b(), weights, {.context = 1000}, 5 * gigabyte);
    EXPECT_EQ(plan.weights, gigabyte);
    EXPECT_EQ(plan.mapped, 3 * gigabyte);
    EXPECT_EQ(plan.needed(), gigabyte + plan.cache + plan.activations);
    EXPECT_TRUE(plan.fits());
    EXPECT_LT(plan.packed, 5 * gigabyte - plan.total());
    weights[0].bytes = 4 * gigabyte;
    plan = plan_memory(choose_kernels(), llama_1b(), weights, {.context = 1000}, 5 * gigabyte);
    EXPECT_FALSE(plan.fits());
    EXPECT_EQ(plan.packed, 0);
    EXPECT_THAT(describe(plan), HasSubstr("(5.0 GB for weights, 67.1 MB for the KV cache of 1000 tokens, "));
    EXPECT_THAT(describe(plan), HasSubstr("but 5.0 GB are available"));
}

TEST(MemoryPlan, SizesBeyond64BitsDoNotFit) {
    Config config = llama_1b();
    config.layers = 4096;
    config.kv_heads = config.heads = 1 << 14;
    config.head_dim = 1 << 10;
    config.context = 1 << 30;
    MemoryPlan plan = plan_memory(choose_kernels(), config, {}, {.context = 1 << 30, .sequences = 1000}, gigabyte);
    EXPECT_EQ(plan.needed(), std::numeric_limits<int64_t>::max());
    EXPECT_FALSE(plan.fits());
}

// With a vocabulary beside which everything else is small.
Llama llama_of_many_tokens() {
    Config config = fake_llama().config;
    config.vocabulary = 50'000;
    return seeded_llama(choose_kernels(), config, 1, {});
}

// Scores of 64 tokens each, or answers, that want logits of all of them, or of the last ones.
Step largest_step(const EngineOptions& options, Wanted wanted) {
    Step step;
    int64_t n = options.step_tokens / options.sequences;
    for (int32_t i = 0; i < static_cast<int32_t>(options.sequences); ++i) {
        std::vector<int32_t> tokens(static_cast<size_t>(n), 5);
        StepSequence sequence{.request = i, .tokens = tokens, .pages = {i}, .wanted = wanted, .rows = 1};
        if (wants_scores(wanted)) {
            sequence.rows = n;
            sequence.targets = tokens;
        }
        step.sequences.push_back(sequence);
    }
    return step;
}

constexpr int64_t arena_block = 4 << 20;  // its first one, of which large tensors leave a part unused

int64_t bytes_of_largest_step(const EngineOptions& options, Wanted wanted) {
    StepRunner runner(llama_of_many_tokens(), options.sequences, Dtype::f32);
    runner.run(largest_step(options, wanted));
    return static_cast<int64_t>(runner.result_bytes() + runner.arena_bytes());
}

TEST(MemoryPlan, ActivationsAreThoseOfTheLargestStep) {
    Config config = llama_of_many_tokens().config;
    for (EngineOptions options : {EngineOptions{.sequences = 1, .step_tokens = 64},      // one score
                                  EngineOptions{.sequences = 4, .step_tokens = 256},     // four at once
                                  EngineOptions{.sequences = 96, .step_tokens = 96}}) {  // or many answers
        SCOPED_TRACE(options.sequences);
        int64_t planned = plan_memory(choose_kernels(), config, {}, options, gigabyte).activations, used = 0;
        for (Wanted wanted : {Wanted::logits, Wanted::scores_and_logits, Wanted::hidden})
            used = std::max(used, bytes_of_largest_step(options, wanted));
        EXPECT_GE(planned + arena_block, used);
        EXPECT_LE(planned, used);
    }
}

TEST(MemoryPlan, HeldWeightsAreThoseThatLoadingMakes) {
    Llama llama = fake_llama();
    TestFolder folder;
    save_llama(llama, folder.path(), Dtype::bf16);
    std::shared_ptr<ModelSource> source = open_model(folder.path());
    auto bytes = [&](std::optional<Dtype> dtype, bool mapped) {
        return plan_memory(llama.kernels, llama.config, held_weights(llama.kernels, *source, dtype), {}, gigabyte).*
               (mapped ? &MemoryPlan::mapped : &MemoryPlan::weights);
    };
    int64_t matrices = parameter_count(llama.config) - 5 * 32, norms = 5 * 32;
    EXPECT_EQ(bytes({}, true), 2 * matrices);
    EXPECT_EQ(bytes({}, false), 4 * norms) << "stored in 16 bits, used in f32";
    EXPECT_EQ(bytes(Dtype::f32, true), 0);
    EXPECT_EQ(bytes(Dtype::f32, false), 4 * (matrices + norms));

    // A header with a space more: no tensor is aligned, so that all are copied.
    std::filesystem::path path = folder.path() / "model.safetensors";
    std::string file = read_text(path);
    ++file[0];
    write_file(path, file.insert(file.find("}}") + 2, " "));
    source = open_model(folder.path());
    EXPECT_EQ(bytes({}, true), 0);
    EXPECT_EQ(bytes({}, false), 2 * matrices + 4 * norms);
}

}  // namespace
}  // namespace puna
