#include "nn/ops.h"

#include <algorithm>
#include <cstring>

namespace puna {

namespace {

// Copies host values into the pass's memory.
Tensor upload(Pass& pass, std::span<const int32_t> values) {
    Tensor x = pass.arena.tensor(Dtype::i32, {static_cast<int64_t>(values.size())});
    pass.kernels.copy(pass.stream, x.data, values.data(), values.size_bytes());
    return x;
}

TreeSum sum_of(Pass& pass, const Param& param, std::span<const int64_t> chunk, std::vector<Tensor>& levels,
               int64_t earlier = 0) {
    return pass.gradients->sum_of(param, chunk, levels, earlier);
}

}  // namespace

Value embed(Pass& pass, Param& table, const Batch& batch) {
    Tensor ids = upload(pass, batch.tokens);
    Value out = pass.empty({batch.rows(), table.weight.columns()});
    pass.kernels.embed(pass.stream, out.data, table.weight, ids);
    if (pass.recording() && table.trainable())
        pass.record([=, &pass, &table, &batch] {
            std::vector<Tensor> levels;
            pass.kernels.embed_backward(pass.stream, sum_of(pass, table, batch.chunk, levels), pass.gradient(out), ids);
        });
    return out;
}

Value matmul(Pass& pass, Value x, Param& weight, const Batch& batch) { return matmul(pass, x, weight, batch.chunk); }

Value matmul(Pass& pass, Value x, Param& weight, std::vector<int64_t> chunk) {
    Value out = pass.empty({x.data.rows(), weight.weight.size[0]});
    pass.kernels.matmul(pass.stream, out.data, x.data, weight.weight);
    if (pass.recording())
        pass.record([=, &pass, &weight, chunk = std::move(chunk)] {
            Tensor dout = pass.gradient(out);
            if (weight.trainable()) {
                std::vector<Tensor> levels;
                TreeSum dw = sum_of(pass, weight, chunk, levels);
                pass.kernels.matmul_weight_gradient(pass.stream, dw, dout, x.data, weight.weight.dtype);
            }
            pass.kernels.matmul_input_gradient(pass.stream, pass.gradient(x), dout, weight.weight);
        });
    return out;
}

Value rms_norm(Pass& pass, Value x, Param& weight, const Batch& batch, float epsilon) {
    Value out = pass.empty({x.data.rows(), x.data.columns()});
    Tensor scale = pass.arena.tensor(Dtype::f32, {x.data.rows()});
    pass.kernels.rms_norm(pass.stream, out.data, scale, x.data, weight.weight, epsilon);
    if (pass.recording())
        pass.record([=, &pass, &weight, &batch] {
            std::vector<Tensor> levels;
            TreeSum dw = weight.trainable() ? sum_of(pass, weight, batch.chunk, levels) : TreeSum{};
            pass.kernels.rms_norm_backward(pass.stream, pass.gradient(x), dw, pass.gradient(out), x.data, weight.weight,
                                           scale);
        });
    return out;
}

Value swiglu(Pass& pass, Value gate, Value up) {
    Value out = pass.empty({gate.data.rows(), gate.data.columns()});
    pass.kernels.swiglu(pass.stream, out.data, gate.data, up.data);
    if (pass.recording())
        pass.record([=, &pass] {
            pass.kernels.swiglu_backward(pass.stream, pass.gradient(gate), pass.gradient(up), pass.gradient(out),
                                         gate.data, up.data);
        });
    return out;
}

Value add(Pass& pass, Value x, Value change) {
    pass.kernels.add(pass.stream, change.data, change.data, x.data);
    if (pass.recording())
        pass.record([=, &pass] {  // the sum shares the slot, hence the gradient, of `change`
            Tensor dx = pass.gradient(x);
            pass.kernels.add(pass.stream, dx, dx, pass.gradient(change));
        });
    return change;
}

Tensor rotary_angles(Pass& pass, const Batch& batch, Tensor frequencies) {
    Tensor angles = pass.arena.tensor(Dtype::f32, {batch.rows(), 2, frequencies.count()});
    pass.kernels.rotary_angles(pass.stream, angles, upload(pass, positions_of(batch)), frequencies);
    return angles;
}

Value rope(Pass& pass, Value x, Tensor angles, RotaryPairs pairs) {
    pass.kernels.rope(pass.stream, x.data, angles, pairs, false);
    if (pass.recording())
        pass.record([=, &pass] { pass.kernels.rope(pass.stream, pass.gradient(x), angles, pairs, true); });
    return x;
}

namespace {

void append(Pass& pass, Tensor cached, Tensor rows, const Sequence& sequence) {
    check(sequence.past + sequence.n <= cached.size[0], "KV cache: {} tokens and {} new ones in {}", sequence.past,
          sequence.n, cached);
    Tensor from = rows.slice(sequence.first, sequence.n);
    pass.kernels.copy(pass.stream, cached.slice(sequence.past, sequence.n).data, from.data,
                      static_cast<size_t>(from.bytes()));
}

std::vector<AttentionSpan> spans_of(Pass& pass, Tensor k, Tensor v, const Batch& batch, int64_t layer) {
    std::vector<AttentionSpan> spans;
    for (const Sequence& s : batch.sequences) {
        Tensor keys = k.slice(s.first, s.n), values = v.slice(s.first, s.n);
        if (batch.cache) {
            keys = batch.cache->keys(layer, s.slot);
            values = batch.cache->values(layer, s.slot);
            append(pass, keys, k, s);
            append(pass, values, v, s);
        }
        spans.push_back({s.first, s.n, keys.as<float>(), values.as<float>(), s.past + s.n});
    }
    return spans;
}

}  // namespace

Value attention(Pass& pass, Value q, Value k, Value v, const Batch& batch, int64_t layer, AttentionShape shape) {
    std::vector<AttentionSpan> spans = spans_of(pass, k.data, v.data, batch, layer);
    Value out = pass.empty({q.data.rows(), q.data.columns()});
    Tensor lse = pass.arena.tensor(Dtype::f32, {q.data.rows(), shape.heads});
    pass.kernels.attention(pass.stream, out.data, lse, q.data, spans, shape);
    if (pass.recording())
        pass.record([=, &pass] {
            pass.kernels.attention_backward(pass.stream, pass.gradient(q), pass.gradient(k), pass.gradient(v),
                                            pass.gradient(out), out.data, lse, q.data, spans, shape);
        });
    return out;
}

std::vector<double> head_loss(Pass& pass, Value x, Param& head, const Batch& batch, float seed) {
    const Kernels& kernels = pass.kernels;
    int64_t V = head.weight.size[0];
    Tensor targets = upload(pass, batch.targets), loss = pass.arena.tensor(Dtype::f32, {batch.rows()}), dx;
    bool recording = pass.recording();
    if (recording) dx = pass.arena.zeros(Dtype::f32, {x.data.rows(), x.data.columns()});
    Arena::Mark mark = pass.arena.mark();
    for (size_t c = 0; c + 1 < batch.chunk.size(); ++c) {
        int64_t first = batch.chunk[c], n = batch.chunk[c + 1] - first;
        Tensor logits = pass.arena.tensor(Dtype::f32, {n, V}), rows = x.data.slice(first, n),
               chunk_targets = targets.slice(first, n);
        kernels.matmul(pass.stream, logits, rows, head.weight);
        if (!recording) {
            kernels.cross_entropy(pass.stream, loss.slice(first, n), logits, chunk_targets);
        } else {
            kernels.cross_entropy_backward(pass.stream, loss.slice(first, n), logits, chunk_targets, seed);
            kernels.matmul_input_gradient(pass.stream, dx.slice(first, n), logits, head.weight);
            if (head.trainable()) {
                std::vector<Tensor> levels;
                int64_t chunk[2] = {0, n};
                kernels.matmul_weight_gradient(pass.stream, sum_of(pass, head, chunk, levels, static_cast<int64_t>(c)),
                                               logits, rows, head.weight.dtype);
            }
        }
        pass.arena.rewind(mark);
    }
    if (recording) pass.record([=, &pass] { pass.set_gradient(x, dx); });
    kernels.synchronize(pass.stream);
    std::vector<double> sums;
    for (size_t c = 0; c + 1 < batch.chunk.size(); ++c) {
        std::span<float> losses = loss.slice(batch.chunk[c], batch.chunk[c + 1] - batch.chunk[c]).span<float>();
        double sum = 0;
        for (float value : losses) sum += static_cast<double>(value);
        sums.push_back(sum);
    }
    return sums;
}

double tree_sum(std::vector<double> chunks) {
    if (chunks.empty()) return 0;
    for (size_t step = 1; step < chunks.size(); step *= 2)
        for (size_t i = 0; i + step < chunks.size(); i += 2 * step) chunks[i] += chunks[i + step];
    return chunks[0];
}

}  // namespace puna
