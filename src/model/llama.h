// model/llama.h — Llama 3, 3.1 and 3.2: one forward pass shared by training, fine-tuning and inference.
//
//   Llama llama = load_llama("Llama-3.2-1B", {});                      // model/load.h
//   Value x = llama.forward(pass, batch);                              // [tokens, dim], before the last norm
//   Tensor logits = llama.logits(pass, x, last_rows);                  // [rows, vocabulary]
//   std::vector<double> losses = llama.loss(pass, x, batch, seed);     // training: never holds all logits at once
//
// Weight names as in Meta's checkpoints. Source: Llama 3, model.py; Touvron et al. 2023.
#pragma once
#include "model/config.h"
#include "nn/linear.h"

#include <memory>
#include <span>
#include <vector>

namespace puna {

struct Layer {
    Linear wq, wk, wv, wo;           // [heads * head_dim, dim], [kv_dim, dim] twice, [dim, heads * head_dim]
    Linear w1, w2, w3;               // gate [ffn, dim], down [dim, ffn], up [ffn, dim]
    Param attention_norm, ffn_norm;  // [dim]
};

class Llama {
 public:
    // Sets shapes and names; allocates nothing. Throws Error if the model cannot be split over the group.
    explicit Llama(const Config& config, const Group& group = Group::alone());
    Llama(Llama&&) = default;
    Llama(const Llama&) = delete;

    Config config;
    Param tok_embeddings;  // [vocabulary, dim]
    std::vector<Layer> layers;
    Param norm;     // [dim]
    Linear output;  // [vocabulary, dim]; tied: the same memory as tok_embeddings

    // The pass must have the model's group, otherwise Bug. forward: [tokens, dim], before the final norm.
    Value embed(Pass& pass, const Batch& batch);
    Value forward_layers(Pass& pass, Value x, const Batch& batch, int64_t first, int64_t last);
    Value forward(Pass& pass, const Batch& batch);
    Tensor logits(Pass& pass, Value x, std::span<const int64_t> rows);
    std::vector<double> loss(Pass& pass, Value x, const Batch& batch, float seed);  // as head_loss

    // In checkpoint order. A tied output comes last: it has its own gradient but no master.
    std::vector<Param*> params();
    Group group;                                // tensor parallelism: the matrices are split over it
    std::vector<std::shared_ptr<void>> memory;  // owners of the weights, shared by models that use the same ones

 private:
    void check_group(const Pass& pass) const;
    Value layer(Pass& pass, Value x, const Batch& batch, Tensor angles, int64_t i);

    AttentionShape attention_;  // of this rank
    std::vector<float> frequencies_;
};

}  // namespace puna
