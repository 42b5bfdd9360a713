#include "model/names.h"

#include "core/error.h"

namespace puna {

namespace {

struct Name {
    std::string_view ours, hugging_face;
};

constexpr Name whole[] = {
    {"tok_embeddings.weight", "model.embed_tokens.weight"},
    {"norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
};

constexpr Name inside_layer[] = {
    {"attention.wq.weight", "self_attn.q_proj.weight"},     {"attention.wk.weight", "self_attn.k_proj.weight"},
    {"attention.wv.weight", "self_attn.v_proj.weight"},     {"attention.wo.weight", "self_attn.o_proj.weight"},
    {"feed_forward.w1.weight", "mlp.gate_proj.weight"},     {"feed_forward.w2.weight", "mlp.down_proj.weight"},
    {"feed_forward.w3.weight", "mlp.up_proj.weight"},       {"attention_norm.weight", "input_layernorm.weight"},
    {"ffn_norm.weight", "post_attention_layernorm.weight"},
};

}  // namespace

std::string hugging_face_name(std::string_view ours) {
    for (const Name& name : whole)
        if (name.ours == ours) return std::string(name.hugging_face);
    constexpr std::string_view prefix = "layers.";
    size_t dot = ours.find('.', prefix.size());
    if (ours.starts_with(prefix) && dot != ours.npos)
        for (const Name& name : inside_layer)
            if (name.ours == ours.substr(dot + 1))
                return fmt::format("model.{}.{}", ours.substr(0, dot), name.hugging_face);
    throw_bug(fmt::format("no weight is named {}", ours));
}

}  // namespace puna
