// model/test_divergence.h — for tests: what a model loses when it is quantized.
//
//   QuantizedDivergence divergence("../shared/golden/small3/hf", tokens);
//   double nats = divergence.of(find_file_type("q4_k_m"));
//
// The model computes in f32 with the dequantized values of its quantized weights, so that nothing else differs.
#pragma once
#include "kernels/arena.h"
#include "kernels/host_copy.h"
#include "model/importance.h"
#include "model/load.h"
#include "model/quantization_mix.h"
#include "model/quantize.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <vector>

namespace puna {

class QuantizedDivergence {
 public:
    // tokens: sequences of `length`, of which the last may be shorter.
    QuantizedDivergence(const std::filesystem::path& model, std::span<const int32_t> tokens, int64_t length = 256)
        : llama_(load_llama(choose_kernels(), model, {.dtype = Dtype::f32})), memory_(llama_.kernels) {
        batch_.tokens.assign(tokens.begin(), tokens.end());
        for (int64_t first = 0; first < batch_.rows(); first += length)
            batch_.sequences.push_back({.first = first, .n = std::min(length, batch_.rows() - first)});
        for (Param* p : llama_.params()) {
            original_[p->name] = copy_of(p->weight);
            p->weight = copy_of(p->weight);
        }
        expected_ = probabilities();
    }

    // The model as it was.
    Llama& llama() {
        restore();
        return llama_;
    }

    // The mean Kullback-Leibler divergence of the quantized model from it, in nats.
    double of(const FileType& type, const ImportanceMatrix& importance = {}) {
        std::map<std::string, Param*> params;
        for (Param* p : llama().params()) params[p->name] = p;
        for (const MixedWeight& mixed : mix_weights(type, llama_.config, !importance.mean_squares.empty()).weights) {
            if (!is_block_type(mixed.dtype)) continue;
            Param& param = *params.at(name_of(mixed.weight));
            Arena scratch(llama_.kernels);
            Tensor blocks = scratch.tensor(mixed.dtype, {mixed.weight.rows, mixed.weight.columns});
            quantize_weight(llama_.kernels, param.name, blocks, original_.at(param.name),
                            importance_of(importance, mixed.weight, scratch, "importance"), scratch);
            llama_.kernels.dequantize({}, param.weight, blocks);
        }
        return divergence_from(probabilities());
    }

 private:
    Tensor copy_of(Tensor x) {
        Tensor copy(memory_.tensor(Dtype::f32, {x.count()}).data, Dtype::f32,
                    std::span(x.size).first(static_cast<size_t>(x.rank)));
        llama_.kernels.copy({}, copy.data, x.data, static_cast<size_t>(x.bytes()));
        return copy;
    }
    void restore() {
        for (Param* p : llama_.params())
            llama_.kernels.copy({}, p->weight.data, original_.at(p->name).data, static_cast<size_t>(p->weight.bytes()));
    }
    std::vector<float> probabilities() {
        Pass pass(llama_.kernels);
        pass.begin(batch_);
        std::vector<int64_t> rows(batch_.tokens.size());
        std::iota(rows.begin(), rows.end(), int64_t{0});
        Tensor logits = llama_.logits(pass, llama_.forward(pass), rows);
        llama_.kernels.softmax({}, logits);
        HostCopy copy(llama_.kernels, {}, logits);
        std::span<float> values = copy.download().span<float>();
        return {values.begin(), values.end()};
    }
    double divergence_from(const std::vector<float>& q) const {
        double sum = 0;
        for (size_t i = 0; i < q.size(); ++i) {
            double p = expected_[i];
            if (p > 0) sum += p * (std::log(p) - std::log(std::max<double>(q[i], 1e-30)));
        }
        return sum / static_cast<double>(batch_.tokens.size());
    }

    Llama llama_;
    Arena memory_;
    Batch batch_;
    std::map<std::string, Tensor> original_;
    std::vector<float> expected_;
};

}  // namespace puna
