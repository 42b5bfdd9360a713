#include "model/llama.h"

#include "core/mapped_file.h"
#include "core/system_memory.h"
#include "kernels/buffer.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace puna {

namespace {

// This rank's shard.
void set_up(Param& param, const WeightInfo& info, const Group& group) {
    WeightInfo shard = info;
    if (info.split == Split::rows) shard.rows /= group.size();
    if (info.split == Split::columns) shard.columns /= group.size();
    param.name = name_of(info);
    param.weight = Tensor(nullptr, Dtype::f32, shard.shape());
}

void set_up(Linear& linear, const WeightInfo& info, const Group& group) {
    set_up(linear.weight, info, group);
    linear.split = info.split;
    linear.group = group;
}

// In parts: pages of a mapped file are given back before the next ones are read, so that one copy is in memory.
void pack_rows(const Kernels& kernels, Tensor panels, Tensor rows) {
    constexpr int64_t part_bytes = 8 << 20, max_page = 1 << 16;
    int64_t panel = panels.panel_rows;
    int64_t n = std::max(panel, part_bytes / std::max<int64_t>(rows.row_bytes(), 1) / panel * panel);
    for (int64_t first = 0; first < rows.size[0]; first += n) {
        int64_t part = std::min(n, rows.size[0] - first);
        kernels.pack({}, panels.slice(first, part), rows.slice(first, part));
        kernels.synchronize({});
        // With the page that the part before has ended in.
        int64_t begin = std::max<int64_t>(0, first * rows.row_bytes() - max_page),
                end = (first + part) * rows.row_bytes();
        drop_mapped_pages({static_cast<const std::byte*>(rows.data) + begin, static_cast<size_t>(end - begin)});
    }
}

// Training packs after each step (refresh_weights).
bool packs_weights(const Pass& pass) { return pass.gradients == nullptr; }

}  // namespace

Llama::Llama(const Kernels& k, const Config& c, const Group& g) : kernels(k), config(c), group(g) {
    int n = group.size();
    if (c.heads % n || c.kv_heads % n || c.ffn % n)
        fail("cannot split a model with {} key/value heads and feed-forward size {} over {} processes", c.kv_heads,
             c.ffn, n);
    attention_ = {c.heads / n, c.kv_heads / n, c.head_dim};
    set_context(0);
    layers.resize(static_cast<size_t>(c.layers));
    visit(c, *this, [this](auto& weight, const WeightInfo& info) { set_up(weight, info, group); });
}

void Llama::set_context(int64_t context) { rotary_ = rotary_frequencies(config, context); }

std::vector<Param*> Llama::params() {
    std::vector<Param*> list;
    visit(config, *this, [&list](auto& weight, const WeightInfo&) { list.push_back(&param_of(weight)); });
    return list;
}

Value Llama::layer(Pass& pass, Value x, Tensor angles, int64_t i) {
    Layer& l = layers[static_cast<size_t>(i)];
    if (packs_weights(pass)) pack_layer(i);
    float epsilon = static_cast<float>(config.norm_epsilon);
    Value h = rms_norm(pass, x, l.attention_norm, epsilon);
    Value q = rope(pass, l.wq(pass, h), angles);
    Value k = rope(pass, l.wk(pass, h), angles);
    Value v = l.wv(pass, h);
    x = add(pass, x, l.wo(pass, attention(pass, q, k, v, i, attention_)));
    h = rms_norm(pass, x, l.ffn_norm, epsilon);
    Value gate = l.w1(pass, h), up = l.w3(pass, h);
    return add(pass, x, l.w2(pass, swiglu(pass, gate, up)));
}

// Packed panels are those of the model's table.
void Llama::check_kernels(const Pass& pass) const {
    check(&pass.kernels == &kernels, "a pass with {} of a model in the memory of {}", pass.kernels.name, kernels.name);
}

bool Llama::can_pack(Tensor rows) const {
    bool whole_pieces = rows.row_bytes() % 4 == 0 || is_block_type(rows.dtype);
    return rows.rank == 2 && !rows.is_packed() && whole_pieces;
}

void Llama::pack_layer(int64_t i) {
    visit(config, layers[static_cast<size_t>(i)], i,
          [this](auto& weight, const WeightInfo&) { pack(param_of(weight)); });
}

void Llama::pack_all() {
    left_to_pack_ = std::numeric_limits<int64_t>::max();
    for (int64_t i = 0; i < config.layers; ++i) pack_layer(i);
    pack(output.weight);
}

void Llama::pack(Param& matrix) {
    if (left_to_pack_ <= 0 || matrix.master || !can_pack(matrix.weight)) return;
    Tensor rows = matrix.weight, panels = rows.in_panels(nullptr, kernels.panel_rows);
    bool is_tied = config.tied && (&matrix == &tok_embeddings || &matrix == &output.weight);
    bool mapped = mapped_path_at(rows.data) != nullptr, own = matrix.memory.use_count() == (is_tied ? 2 : 1);
    if ((!mapped && !own) || panels.bytes() > packing_room) return;
    // Others may have used the memory since the room was planned. Asked once if it is missing: this runs in every pass.
    if (panels.bytes() > available_memory() / 2) packing_room = 0;
    if (packing_room == 0) return;
    std::shared_ptr<Buffer> memory;  // shared: see Param
    try {
        memory = std::make_shared<Buffer>(kernels, panels.bytes());
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::out_of_memory) throw;
        return;  // rows as stored are multiplied too
    }
    panels.data = memory->data();
    left_to_pack_ -= panels.bytes();
    pack_rows(kernels, panels, rows);
    if (mapped) packing_room -= panels.bytes();
    matrix.weight = panels;
    matrix.memory = memory;
    if (!is_tied) return;
    Param& other = &matrix == &output.weight ? tok_embeddings : output.weight;
    other.weight = matrix.weight;
    other.memory = matrix.memory;
}

KvCache Llama::make_cache(int64_t pages, Dtype dtype) const {
    return {kernels, config.layers, pages, attention_, dtype};
}

Value Llama::embed(Pass& pass) {
    check_kernels(pass);
    return puna::embed(pass, tok_embeddings);
}

Value Llama::forward_layers(Pass& pass, Value x, int64_t first, int64_t last) {
    check_kernels(pass);
    left_to_pack_ = packed_at_once;
    Tensor angles = rotary_angles(pass, rotary_.values, rotary_.attention_factor);
    for (int64_t i = first; i < last; ++i)
        x = pass.segment(x, [=, this, &pass](Value h) { return layer(pass, h, angles, i); });
    return x;
}

Value Llama::forward(Pass& pass) { return forward_layers(pass, embed(pass), 0, config.layers); }

Tensor Llama::logits(Pass& pass, Value x, std::span<const int64_t> rows) {
    int64_t n = static_cast<int64_t>(rows.size());
    check_kernels(pass);
    if (packs_weights(pass)) pack(output.weight);
    Value selected = pass.empty({n, config.dim});
    for (int64_t i = 0; i < n; ++i) {
        Tensor row = x.data.slice(rows[static_cast<size_t>(i)], 1);
        pass.kernels.copy(pass.stream, selected.data.slice(i, 1).data, row.data, static_cast<size_t>(row.bytes()));
    }
    return output(pass, rms_norm(pass, selected, norm, static_cast<float>(config.norm_epsilon)), rows).data;
}

std::vector<double> Llama::loss(Pass& pass, Value x, float seed) {
    Value h = rms_norm(pass, x, norm, static_cast<float>(config.norm_epsilon));
    return head_loss(pass, h, output.weight, seed);
}

}  // namespace puna
