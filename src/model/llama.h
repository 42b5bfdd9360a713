// model/llama.h — Llama 3, 3.1 and 3.2: the one forward pass that training, tuning and inference share.
//
//   Llama llama = load_llama("Llama-3.2-1B", {});                      // model/load.h
//   Value x = llama.forward(pass, batch);                              // [tokens, dim], before the last norm
//   Tensor logits = llama.logits(pass, x, last_rows);                  // [rows, vocabulary]
//   std::vector<double> losses = llama.loss(pass, x, batch, seed);     // training: logits never exist as a whole
//
// Names are those of Meta's checkpoints. Source: Llama 3, model.py; Touvron et al. 2023.
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
    explicit Llama(const Config& config, const Group& group = Group::alone());  // shapes and names; no numbers yet
    Llama(Llama&&) = default;
    Llama(const Llama&) = delete;

    Config config;
    Param tok_embeddings;  // [vocabulary, dim]
    std::vector<Layer> layers;
    Param norm;     // [dim]
    Linear output;  // [vocabulary, dim]; tied: the same numbers as tok_embeddings

    // A pass must have the model's group; another one is a Bug.
    Value embed(Pass& pass, const Batch& batch);
    Value forward_layers(Pass& pass, Value x, const Batch& batch, int64_t first, int64_t last);
    Value forward(Pass& pass, const Batch& batch);
    Tensor logits(Pass& pass, Value x, std::span<const int64_t> rows);
    std::vector<double> loss(Pass& pass, Value x, const Batch& batch, float seed);  // as head_loss

    // In the order of a checkpoint. A tied output comes last: it has a gradient of its own, no master.
    std::vector<Param*> params();
    Group group;                                // that the matrices are split over
    std::vector<std::shared_ptr<void>> memory;  // owners of the numbers, shared with whoever still reads them

 private:
    void check_group(const Pass& pass) const;
    Value layer(Pass& pass, Value x, const Batch& batch, Tensor angles, int64_t i);

    AttentionShape attention_;  // of this rank
    std::vector<float> frequencies_;
};

}  // namespace puna
