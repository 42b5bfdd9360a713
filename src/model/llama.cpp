#include "model/llama.h"

#include <cstring>

namespace puna {

namespace {

Param make_param(std::string name, std::initializer_list<int64_t> sizes) {
    return {.name = std::move(name), .weight = Tensor(nullptr, Dtype::f32, sizes)};
}

// This rank's shard of a matrix [out, in].
Linear make_matrix(std::string name, int64_t out, int64_t in, Split split, int ranks) {
    if (split == Split::rows) out /= ranks;
    if (split == Split::columns) in /= ranks;
    return {.weight = make_param(std::move(name), {out, in}), .split = split};
}

}  // namespace

Llama::Llama(const Config& c, const Group& g) : config(c), group(g) {
    int n = group.size();
    if (c.heads % n || c.kv_heads % n || c.ffn % n)
        fail("cannot split a model with {} key/value heads and feed-forward size {} over {} processes", c.kv_heads,
             c.ffn, n);
    attention_ = {c.heads / n, c.kv_heads / n, c.head_dim};
    frequencies_ = rotary_frequencies(c);
    tok_embeddings = make_param("tok_embeddings.weight", {c.vocabulary, c.dim});
    for (int64_t i = 0; i < c.layers; ++i) {
        auto name = [i](std::string_view part) { return fmt::format("layers.{}.{}.weight", i, part); };
        layers.push_back({.wq = make_matrix(name("attention.wq"), c.q_dim(), c.dim, Split::rows, n),
                          .wk = make_matrix(name("attention.wk"), c.kv_dim(), c.dim, Split::rows, n),
                          .wv = make_matrix(name("attention.wv"), c.kv_dim(), c.dim, Split::rows, n),
                          .wo = make_matrix(name("attention.wo"), c.dim, c.q_dim(), Split::columns, n),
                          .w1 = make_matrix(name("feed_forward.w1"), c.ffn, c.dim, Split::rows, n),
                          .w2 = make_matrix(name("feed_forward.w2"), c.dim, c.ffn, Split::columns, n),
                          .w3 = make_matrix(name("feed_forward.w3"), c.ffn, c.dim, Split::rows, n),
                          .attention_norm = make_param(name("attention_norm"), {c.dim}),
                          .ffn_norm = make_param(name("ffn_norm"), {c.dim})});
    }
    norm = make_param("norm.weight", {c.dim});
    output = make_matrix("output.weight", c.vocabulary, c.dim, Split::none, n);
}

std::vector<Param*> Llama::params() {
    std::vector<Param*> list{&tok_embeddings};
    for (Layer& l : layers)
        for (Param* p : {&l.wq.weight, &l.wk.weight, &l.wv.weight, &l.wo.weight, &l.w1.weight, &l.w2.weight,
                         &l.w3.weight, &l.attention_norm, &l.ffn_norm})
            list.push_back(p);
    list.push_back(&norm);
    list.push_back(&output.weight);
    return list;
}

Value Llama::layer(Pass& pass, Value x, const Batch& batch, Tensor angles, int64_t i) {
    Layer& l = layers[static_cast<size_t>(i)];
    float epsilon = static_cast<float>(config.norm_epsilon);
    Value h = rms_norm(pass, x, l.attention_norm, batch, epsilon);
    Value q = rope(pass, l.wq(pass, h, batch), angles, config.pairs);
    Value k = rope(pass, l.wk(pass, h, batch), angles, config.pairs);
    Value v = l.wv(pass, h, batch);
    x = add(pass, x, l.wo(pass, attention(pass, q, k, v, batch, i, attention_), batch));
    h = rms_norm(pass, x, l.ffn_norm, batch, epsilon);
    Value gate = l.w1(pass, h, batch), up = l.w3(pass, h, batch);
    return add(pass, x, l.w2(pass, swiglu(pass, gate, up), batch));
}

// A pass in another group would not all-reduce a split model's partial results.
void Llama::check_group(const Pass& pass) const {
    check(pass.group == group, "a pass in a group of {} for a model in a group of {}", pass.group.size(), group.size());
}

Value Llama::embed(Pass& pass, const Batch& batch) {
    check_group(pass);
    return puna::embed(pass, tok_embeddings, batch);
}

Value Llama::forward_layers(Pass& pass, Value x, const Batch& batch, int64_t first, int64_t last) {
    check_group(pass);
    Tensor frequencies(frequencies_.data(), Dtype::f32, {config.head_dim / 2});
    Tensor angles = rotary_angles(pass, batch, frequencies);
    for (int64_t i = first; i < last; ++i)
        x = pass.segment(x, [=, this, &pass, &batch](Value h) { return layer(pass, h, batch, angles, i); });
    return x;
}

Value Llama::forward(Pass& pass, const Batch& batch) {
    return forward_layers(pass, embed(pass, batch), batch, 0, config.layers);
}

Tensor Llama::logits(Pass& pass, Value x, std::span<const int64_t> rows) {
    check_group(pass);
    int64_t n = static_cast<int64_t>(rows.size());
    Batch none;
    Value selected = pass.empty({n, config.dim});
    for (int64_t i = 0; i < n; ++i) {
        Tensor row = x.data.slice(rows[static_cast<size_t>(i)], 1);
        pass.kernels.copy(pass.stream, selected.data.slice(i, 1).data, row.data, static_cast<size_t>(row.bytes()));
    }
    Value h = rms_norm(pass, selected, norm, none, static_cast<float>(config.norm_epsilon));
    return output(pass, h, none).data;
}

std::vector<double> Llama::loss(Pass& pass, Value x, const Batch& batch, float seed) {
    check_group(pass);
    Value h = rms_norm(pass, x, norm, batch, static_cast<float>(config.norm_epsilon));
    return head_loss(pass, h, output.weight, batch, seed);
}

}  // namespace puna
