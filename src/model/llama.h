// model/llama.h — Llama 1 to 3.3 and their descendants: one forward pass shared by training, fine-tuning and inference.
//
//   Llama llama = load_llama(kernels, "Llama-3.2-1B", {});             // model/load.h
//   pass.begin(batch);
//   Value x = llama.forward(pass);                                     // [tokens, dim], before the last norm
//   Tensor logits = llama.logits(pass, x, last_rows);                  // [rows, vocabulary]
//   std::vector<double> losses = llama.loss(pass, x, seed);            // training: never holds all logits at once
//
// Weight names as in Meta's checkpoints. Source: Llama 3, model.py; Touvron et al. 2023.
#pragma once
#include "model/weights.h"

#include <memory>
#include <span>
#include <vector>

namespace puna {

class Llama {
 public:
    // Sets shapes and names; allocates nothing. Throws Error if the model cannot be split over the group.
    Llama(const Kernels& kernels, const Config& config, const Group& group = Group::alone());
    Llama(Llama&&) = default;
    Llama(const Llama&) = delete;

    const Kernels& kernels;  // whose memory the weights are in: of every pass
    Config config;
    Param tok_embeddings;  // [vocabulary, dim]
    std::vector<Layer> layers;
    Param norm;     // [dim]
    Linear output;  // [vocabulary, dim]; tied: the same memory as tok_embeddings

    // The longest sequence that passes will have: some RoPE scalings depend on it (model/rope_scaling.h). Before the
    // first pass; at first 0.
    void set_context(int64_t context);

    // All compute the pass's batch. forward: [tokens, dim], before the final norm.
    Value embed(Pass& pass);
    Value forward_layers(Pass& pass, Value x, int64_t first, int64_t last);
    Value forward(Pass& pass);
    Tensor logits(Pass& pass, Value x, std::span<const int64_t> rows);  // inference only
    std::vector<double> loss(Pass& pass, Value x, float seed);          // as head_loss

    // A KV cache for the layers of this rank, of `pages` pages of 64 tokens. dtype: f32 or bf16.
    KvCache make_cache(int64_t pages, Dtype dtype = Dtype::f32) const;

    // In checkpoint order. A tied output comes last: it has its own gradient but no master.
    std::vector<Param*> params();
    Group group;                         // tensor parallelism: the matrices are split over it, and hold it
    int64_t packing_room = 0;            // bytes that packed copies may take, by the memory plan
    int64_t packed_at_once = 128 << 20;  // bytes that a pass packs: hundredths of a second, and soon all

    // Packs the matrices (kernels.h) that are not packed, can be, and have room. Each pass of inference packs some of
    // them (packed_at_once), so that no step waits for all. The copy of a weight in mapped memory keeps its room, and
    // the weight's pages are released; of others the rows are freed. Memory that another model uses too stays as it is,
    // since the other may change it.
    void pack_all();
    bool can_pack(Tensor rows) const;

 private:
    Value layer(Pass& pass, Value x, Tensor angles, int64_t i);
    void pack(Param& matrix);
    void pack_layer(int64_t i);
    void check_kernels(const Pass& pass) const;

    AttentionShape attention_;  // of this rank
    RotaryFrequencies rotary_;
    int64_t left_to_pack_ = 0;  // bytes, in this pass
};

}  // namespace puna
