#include "bench/signature.h"

#include "core/hash.h"
#include "core/random.h"
#include "kernels/host_copy.h"
#include "model/load.h"
#include "train/optimizer.h"

#include <algorithm>

namespace puna {

const std::string_view committed_signature = "933c37b5e60ddb1a";

namespace {

Config tiny_config() {
    Config config;
    config.dim = 48;
    config.layers = 2;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_dim = 12;
    config.ffn = 112;
    config.vocabulary = 200;
    config.rope_scaling = RopeScaling{.factor = 8, .original_context = 64};
    config.context = 512;
    config.tied = true;
    return config;
}

// Four rows of 20 random tokens, two of them with two documents each.
Batch random_batch(uint64_t stream, const Config& config) {
    constexpr int64_t rows = 4, length = 20;
    Random random(17, stream);
    Batch batch;
    for (int64_t i = 0; i < rows * length; ++i) {
        batch.tokens.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(config.vocabulary))));
        batch.targets.push_back(i % 7 == 0 ? -1 : static_cast<int32_t>(i * 31 % config.vocabulary));
    }
    batch.sequences = {{0, 20}, {20, 7}, {27, 13}, {40, 20}, {60, 1}, {61, 19}};
    batch.chunk = chunks_of(rows, length);
    return batch;
}

void train(Llama& llama, const Kernels& kernels, Hash& hash) {
    Gradients gradients(kernels, gradient_elements(llama), {.chunks_per_pass = 4, .chunks_per_step = 8},
                        &llama.output.weight);
    Optimizer optimizer(llama, {});
    for (uint64_t step = 0; step < 10; ++step) {
        std::vector<double> losses;
        for (uint64_t part = 0; part < 2; ++part) {
            Pass pass(kernels, &gradients, part == 0 ? Activations::keep : Activations::recompute);
            pass.begin(random_batch(2 * step + part, llama.config));
            std::vector<double> sums = llama.loss(pass, llama.forward(pass), 1.0f / 128);
            losses.insert(losses.end(), sums.begin(), sums.end());
            pass.backward();
            gradients.advance(4);
        }
        losses.push_back(optimizer.step(llama, gradients.finish(), 3e-3));
        hash.add(std::as_bytes(std::span(losses)));
    }
    for (Param* p : llama.params())
        if (p->master) hash.add(std::as_bytes(HostCopy(kernels, {}, p->master).download().span<float>()));
}

void generate(Llama& llama, const Kernels& kernels, Hash& hash) {
    KvCache cache = llama.make_cache(1);
    std::vector<int32_t> tokens{1, 2, 3, 4, 5};
    int64_t done = 0;
    for (int i = 0; i < 32; ++i) {
        Pass pass(kernels);
        Batch batch = batch_of(std::span(tokens).subspan(static_cast<size_t>(done)));
        batch.cache = &cache;
        batch.sequences[0].past = done;
        done += batch.rows();
        batch.sequences[0].pages = {0};
        int64_t last = batch.rows() - 1;
        pass.begin(std::move(batch));
        HostCopy last_logits(kernels, pass.stream, llama.logits(pass, llama.forward(pass), {&last, 1}));
        std::span<float> logits = last_logits.download().span<float>();
        hash.add(std::as_bytes(logits));
        tokens.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    }
    hash.add(std::as_bytes(std::span(tokens)));
}

}  // namespace

std::string compute_signature() {
    const Kernels& kernels = *find_kernels("scalar");
    Hash hash;
    Llama llama = seeded_llama(kernels, tiny_config(), 42, {.dtype = Dtype::bf16, .trainable = true});
    train(llama, kernels, hash);
    generate(llama, kernels, hash);
    return hash.digits();
}

}  // namespace puna
