#include "model/llama.h"

#include "core/threads.h"
#include "kernels/testing/tables.h"
#include "model/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace puna {
namespace {

Config tiny_config() {
    Config config;
    config.dim = 12;
    config.layers = 2;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_dim = 4;
    config.ffn = 20;
    config.vocabulary = 17;
    return config;
}

Config biased_config() {
    Config config = tiny_config();
    config.head_dim = 6;  // 24 columns of queries for a width of 12
    config.attention_bias = config.mlp_bias = true;
    return config;
}

// Larger weights than at initialization, so that attention is not close to uniform; biases are not zero.
Llama peaked_llama(const Kernels& kernels, const Config& config, const LoadOptions& options) {
    Llama llama = seeded_llama(kernels, config, 7, options);
    for (Param* p : llama.params())
        with_type(p->weight.dtype, [&]<class W>() {
            for (W& value : p->weight.span<W>()) value = W(static_cast<float>(value) * (p->weight.rank == 2 ? 15 : 1));
        });
    visit(config, llama, [](auto& weight, const WeightInfo& info) {
        if (info.kind != WeightKind::bias) return;
        std::span<float> values = param_of(weight).weight.template span<float>();
        for (size_t i = 0; i < values.size(); ++i) values[i] = 0.1f * static_cast<float>((5 * i + 3) % 11) - 0.5f;
    });
    return llama;
}

std::vector<int32_t> tokens_of(int64_t n, int32_t seed) {
    std::vector<int32_t> tokens;
    for (int32_t i = 0; i < n; ++i) tokens.push_back((i * i + seed * (i + 3)) % 17);
    return tokens;
}

// n tokens of a sequence from position `past` on; several make a batch.
struct Chunk {
    std::vector<int32_t> tokens;
    int64_t past, n;
    int slot;
};

// Logits of all rows of the batch of these chunks, [rows][vocabulary].
std::vector<float> logits_of(const Kernels& kernels, Llama& llama, KvCache& cache, const std::vector<Chunk>& chunks) {
    Batch batch{.cache = &cache};
    for (const Chunk& p : chunks) {
        batch.sequences.push_back(
            {.first = batch.rows(), .n = p.n, .past = p.past, .pages = consecutive_pages(2 * p.slot, p.past + p.n)});
        batch.tokens.insert(batch.tokens.end(), p.tokens.begin() + p.past, p.tokens.begin() + p.past + p.n);
    }
    std::vector<int64_t> rows(batch.tokens.size());
    std::iota(rows.begin(), rows.end(), int64_t{0});
    Pass pass(kernels);
    pass.begin(batch);
    std::span<float> logits = llama.logits(pass, llama.forward(pass), rows).span<float>();
    return {logits.begin(), logits.end()};
}

// Prompts, prefill chunks and decode steps in one batch: each row is bit-identical to that of its sequence alone.
TEST(Llama, MixedBatchIsBitIdenticalToEachSequenceAlone) {
    for (const Kernels* table : test_tables())
        for (Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16}) {
            Config config = biased_config();
            Llama llama = peaked_llama(*table, config, {.dtype = dtype});
            std::vector<Chunk> first, mixed;
            std::vector<float> expected;
            std::vector<int64_t> past{90, 20, 0, 64}, n{1, 75, 30, 1};
            for (int slot = 0; slot < 4; ++slot) {
                size_t i = static_cast<size_t>(slot);
                std::vector<int32_t> tokens = tokens_of(past[i] + n[i], slot + 1);
                if (past[i] > 0) first.push_back({tokens, 0, past[i], slot});
                mixed.push_back({tokens, past[i], n[i], slot});
                KvCache alone = llama.make_cache(2);
                std::vector<float> full = logits_of(*table, llama, alone, {{tokens, 0, past[i] + n[i], 0}});
                expected.insert(expected.end(), full.end() - n[i] * config.vocabulary, full.end());
            }
            KvCache cache = llama.make_cache(8);
            logits_of(*table, llama, cache, first);
            EXPECT_EQ(logits_of(*table, llama, cache, mixed), expected) << table->name << " " << info(dtype).name;
        }
}

// All parameters of one tensor of each kind.
TEST(Llama, GradientsMatchFiniteDifferencesOfTheLoss) {
    set_threads(1);  // sixteen thousand passes too small to parallelize
    for (const Kernels* table : available_kernels()) {
        Llama llama = peaked_llama(*table, biased_config(), {.trainable = true});
        Batch batch{.tokens = tokens_of(14, 2),
                    .sequences = {{0, 9}, {9, 5}},
                    .targets = tokens_of(14, 5),
                    .chunk = {0, 4, 9, 14}};
        batch.targets[8] = -1;
        Pass forward(*table);
        auto loss = [&] {
            forward.begin(batch);
            std::vector<double> chunks = llama.loss(forward, llama.forward(forward), 1);
            return std::accumulate(chunks.begin(), chunks.end(), 0.0);
        };
        Gradients gradients(choose_kernels(), gradient_elements(llama), {.chunks_per_pass = 3, .chunks_per_step = 3},
                            &llama.output.weight);
        Pass pass(*table, &gradients);
        pass.begin(batch);
        llama.loss(pass, llama.forward(pass), 1);
        pass.backward();
        gradients.advance(3);
        std::span<float> sum = gradients.finish().span<float>();
        Layer& l = llama.layers[0];
        for (Param* p : {&llama.tok_embeddings, &l.wq.weight, &l.wk.weight, &l.wo.weight, &l.w1.weight, &l.wq.bias,
                         &l.wk.bias, &l.wv.bias, &l.wo.bias, &l.w1.bias, &l.w2.bias, &l.w3.bias, &l.attention_norm,
                         &llama.norm, &llama.output.weight}) {
            std::span<float> gradient =
                sum.subspan(static_cast<size_t>(p->offset), static_cast<size_t>(p->weight.count()));
            float max_abs = 0;
            for (float g : gradient) max_abs = std::max(max_abs, std::abs(g));
            bool cancels = p == &l.wk.bias;  // it shifts all scores of a query alike, but for the rotation
            ASSERT_GT(max_abs, cancels ? 1e-4 : 1e-2) << p->name;
            for (size_t i = 0; i < gradient.size(); ++i) {
                float& parameter = p->weight.as<float>()[i];
                float before = parameter;
                auto loss_at = [&](float h) { return parameter = before + h, loss(); };
                float h = 4e-3f;
                double slope = (8 * (loss_at(h) - loss_at(-h)) - (loss_at(2 * h) - loss_at(-2 * h))) /
                               (12 * static_cast<double>(h));
                parameter = before;
                ASSERT_NEAR(slope, gradient[i], 4e-3 * static_cast<double>(max_abs))
                    << table->name << " " << p->name << " " << i;
            }
        }
    }
    set_threads(0);
}

// The gradients of a batch of four chunks, in passes of so many.
std::vector<float> gradient_of(Llama& llama, int64_t chunks_per_pass) {
    Gradients gradients(llama.kernels, gradient_elements(llama),
                        {.chunks_per_pass = chunks_per_pass, .chunks_per_step = 4}, &llama.output.weight);
    Pass pass(llama.kernels, &gradients);
    for (int64_t first = 0; first < 4; first += chunks_per_pass) {
        Batch batch;
        for (int64_t chunk = first; chunk < first + chunks_per_pass; ++chunk) {
            batch.chunk.push_back(batch.rows());
            batch.sequences.push_back({batch.rows(), 5});
            for (int32_t id : tokens_of(5, static_cast<int32_t>(chunk))) batch.tokens.push_back(id);
        }
        batch.chunk.push_back(batch.rows());
        for (int64_t i = 0; i < batch.rows(); ++i) batch.targets.push_back(static_cast<int32_t>(i % 5 + 3));
        pass.begin(batch);
        llama.loss(pass, llama.forward(pass), 1);
        pass.backward();
        gradients.advance(chunks_per_pass);
    }
    std::span<float> sum = gradients.finish().span<float>();
    return {sum.begin(), sum.end()};
}

TEST(Llama, BiasGradientsDoNotDependOnHowABatchIsSplit) {
    for (const Kernels* table : available_kernels()) {
        Llama llama = peaked_llama(*table, biased_config(), {.trainable = true});
        const Param& bias = llama.layers[1].w1.bias;
        auto of_bias = [&](int64_t chunks_per_pass) {
            std::vector<float> all = gradient_of(llama, chunks_per_pass);
            return std::vector<float>(all.begin() + bias.offset, all.begin() + bias.offset + bias.weight.count());
        };
        EXPECT_EQ(of_bias(1), of_bias(4)) << table->name;
        EXPECT_EQ(of_bias(2), of_bias(4)) << table->name;
    }
}

}  // namespace
}  // namespace puna
