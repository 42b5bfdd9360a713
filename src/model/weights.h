// model/weights.h — the one list of a Llama's weights: names, shape, split and kind of each.
//
//   visit(config, llama, [](auto& weight, const WeightInfo& info) { param_of(weight).name = name_of(info); });
//   for (const WeightInfo& info : list_weights(config)) elements += info.count();
//
// Construction, params(), the names in every format, initialization, counting and splitting are made from it. A new
// weight is a member and a line of visit. Our names are those of Meta's checkpoints.
#pragma once
#include "model/config.h"
#include "nn/linear.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Layer {
    Linear wq, wk, wv, wo;           // [heads * head_dim, dim], [kv_dim, dim] twice, [dim, heads * head_dim]
    Linear w1, w2, w3;               // gate [ffn, dim], down [dim, ffn], up [ffn, dim]
    Param attention_norm, ffn_norm;  // [dim]
};

enum class WeightKind : uint8_t {
    embedding,
    matrix,
    residual,  // a matrix whose products are added to the residual stream
    norm,      // a vector, in f32
    bias,      // likewise, of a matrix
    output,    // if tied, the embedding
};

struct WeightInfo {
    std::string_view name, hugging_face, gguf;  // without the layer's prefix and ".weight"
    int64_t rows = 0, columns = 0;              // of the whole weight; a vector has one column
    WeightKind kind = WeightKind::matrix;
    Split split = Split::none;  // over the processes of tensor parallelism
    bool rotary = false;        // its rows are heads of rotary pairs
    int64_t layer = -1;         // -1: outside of the layers

    int64_t count() const { return rows * columns; }
    bool is_vector() const { return kind == WeightKind::norm || kind == WeightKind::bias; }
    std::vector<int64_t> shape() const;  // of a vector one size, else two
};

// Of the matrix's bias: split as the matrix's outputs, so that of a matrix split by columns it is whole.
WeightInfo bias_of(const WeightInfo& matrix);

// f(Linear& or Param&, const WeightInfo&) for the weights of one layer, each bias after its matrix.
template <class F>
void visit(const Config& c, Layer& l, int64_t layer, F&& f) {
    auto each = [&f, layer](auto& weight, WeightInfo info) {
        info.layer = layer;
        f(weight, info);
    };
    auto linear = [&each](Linear& weight, const WeightInfo& info, bool has_bias) {
        each(weight, info);
        if (has_bias) each(weight.bias, bias_of(info));
    };
    int64_t q = c.q_dim(), kv = c.kv_dim();
    bool b = c.attention_bias;
    linear(l.wq, {"attention.wq", "self_attn.q_proj", "attn_q", q, c.dim, WeightKind::matrix, Split::rows, true}, b);
    linear(l.wk, {"attention.wk", "self_attn.k_proj", "attn_k", kv, c.dim, WeightKind::matrix, Split::rows, true}, b);
    linear(l.wv, {"attention.wv", "self_attn.v_proj", "attn_v", kv, c.dim, WeightKind::matrix, Split::rows}, b);
    linear(l.wo, {"attention.wo", "self_attn.o_proj", "attn_output", c.dim, q, WeightKind::residual, Split::columns},
           b);
    b = c.mlp_bias;
    linear(l.w1, {"feed_forward.w1", "mlp.gate_proj", "ffn_gate", c.ffn, c.dim, WeightKind::matrix, Split::rows}, b);
    linear(l.w2, {"feed_forward.w2", "mlp.down_proj", "ffn_down", c.dim, c.ffn, WeightKind::residual, Split::columns},
           b);
    linear(l.w3, {"feed_forward.w3", "mlp.up_proj", "ffn_up", c.ffn, c.dim, WeightKind::matrix, Split::rows}, b);
    each(l.attention_norm, {"attention_norm", "input_layernorm", "attn_norm", c.dim, 1, WeightKind::norm});
    each(l.ffn_norm, {"ffn_norm", "post_attention_layernorm", "ffn_norm", c.dim, 1, WeightKind::norm});
}

// The same for all weights of a model, in checkpoint order. Model: a Llama, or anything with these members.
template <class Model, class F>
void visit(const Config& c, Model& m, F&& f) {
    f(m.tok_embeddings,
      WeightInfo{"tok_embeddings", "model.embed_tokens", "token_embd", c.vocabulary, c.dim, WeightKind::embedding});
    for (size_t i = 0; i < m.layers.size(); ++i) visit(c, m.layers[i], static_cast<int64_t>(i), f);
    f(m.norm, WeightInfo{"norm", "model.norm", "output_norm", c.dim, 1, WeightKind::norm});
    f(m.output, WeightInfo{"output", "lm_head", "output", c.vocabulary, c.dim, WeightKind::output});
}

inline Param& param_of(Param& param) { return param; }
inline Param& param_of(Linear& linear) { return linear.weight; }

std::vector<WeightInfo> list_weights(const Config& config);  // in checkpoint order, a tied output too

std::string name_of(const WeightInfo& weight);            // "layers.3.attention.wq.weight", "... .bias"
std::string hugging_face_name(const WeightInfo& weight);  // "model.layers.3.self_attn.q_proj.weight"
std::string gguf_name(const WeightInfo& weight);          // "blk.3.attn_q.weight"

int64_t parameter_count(const Config& config);  // without a tied output

// Training FLOPs per token, forward and backward: 6 per matrix parameter (without tok_embeddings unless tied), and
// 6 * layers * heads * head_dim * sequence for causal attention.
double training_operations(const Config& config, int64_t sequence);

}  // namespace puna
