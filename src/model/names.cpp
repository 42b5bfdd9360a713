#include "model/names.h"

#include "core/error.h"

namespace puna {

namespace {

struct WeightName {
    std::string_view meta, hugging_face;
};

constexpr WeightName outside_layers[] = {
    {"tok_embeddings.weight", "model.embed_tokens.weight"},
    {"norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
};

constexpr WeightName inside_layer[] = {
    {"attention.wq.weight", "self_attn.q_proj.weight"},     {"attention.wk.weight", "self_attn.k_proj.weight"},
    {"attention.wv.weight", "self_attn.v_proj.weight"},     {"attention.wo.weight", "self_attn.o_proj.weight"},
    {"feed_forward.w1.weight", "mlp.gate_proj.weight"},     {"feed_forward.w2.weight", "mlp.down_proj.weight"},
    {"feed_forward.w3.weight", "mlp.up_proj.weight"},       {"attention_norm.weight", "input_layernorm.weight"},
    {"ffn_norm.weight", "post_attention_layernorm.weight"},
};

}  // namespace

std::string hugging_face_name(std::string_view name) {
    for (const WeightName& known : outside_layers)
        if (known.meta == name) return std::string(known.hugging_face);
    constexpr std::string_view prefix = "layers.";
    size_t dot = name.find('.', prefix.size());
    if (name.starts_with(prefix) && dot != name.npos)
        for (const WeightName& known : inside_layer)
            if (known.meta == name.substr(dot + 1))
                return fmt::format("model.{}.{}", name.substr(0, dot), known.hugging_face);
    throw_bug(fmt::format("unknown weight name {}", name));
}

}  // namespace puna
