#include "nn/ops.h"

#include "kernels/host_copy.h"

#include <algorithm>
#include <cstring>

namespace puna {

namespace {

// Copies host values into the pass's memory.
template <class T>
Tensor upload(Pass& pass, std::span<const T> values) {
    Tensor x = pass.arena.tensor(dtype_of<T>, {static_cast<int64_t>(values.size())});
    pass.kernels.copy(pass.stream, x.data, values.data(), values.size_bytes());
    return x;
}

TreeSum sum_of(Pass& pass, const Param& param, std::span<const int64_t> chunk, std::vector<Tensor>& levels,
               int64_t earlier = 0) {
    return pass.gradients->sum_of(param, chunk, levels, earlier);
}

}  // namespace

Value embed(Pass& pass, Param& table) {
    Tensor ids = upload<int32_t>(pass, pass.batch().tokens);
    Value out = pass.empty({pass.batch().rows(), table.weight.columns()});
    pass.kernels.embed(pass.stream, out.data, table.weight, ids);
    if (pass.recording() && table.trainable())
        pass.record([=, &pass, &table] {
            std::vector<Tensor> levels;
            TreeSum dtable = sum_of(pass, table, pass.batch().chunk, levels);
            pass.kernels.embed_backward(pass.stream, dtable, pass.gradient(out), ids);
        });
    return out;
}

Value matmul(Pass& pass, Value x, Param& weight) { return matmul(pass, x, weight, pass.batch().chunk); }

Value matmul(Pass& pass, Value x, Param& weight, std::vector<int64_t> chunk) {
    if (pass.observe_matmul) pass.observe_matmul(weight, x.data);
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

Value rms_norm(Pass& pass, Value x, Param& weight, float epsilon) {
    Value out = pass.empty({x.data.rows(), x.data.columns()});
    Tensor scale = pass.arena.tensor(Dtype::f32, {x.data.rows()});
    pass.kernels.rms_norm(pass.stream, out.data, scale, x.data, weight.weight, epsilon);
    if (pass.recording())
        pass.record([=, &pass, &weight] {
            std::vector<Tensor> levels;
            TreeSum dw = weight.trainable() ? sum_of(pass, weight, pass.batch().chunk, levels) : TreeSum{};
            pass.kernels.rms_norm_backward(pass.stream, pass.gradient(x), dw, pass.gradient(out), x.data, weight.weight,
                                           scale);
        });
    return out;
}

Value add_bias(Pass& pass, Value x, Param& bias) {
    pass.kernels.add_bias(pass.stream, x.data, bias.weight);
    if (pass.recording() && bias.trainable())
        pass.record([=, &pass, &bias] {  // the sum has the gradient of x
            std::vector<Tensor> levels;
            TreeSum dbias = sum_of(pass, bias, pass.batch().chunk, levels);
            pass.kernels.bias_gradient(pass.stream, dbias, pass.gradient(x));
        });
    return x;
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

Tensor rotary_angles(Pass& pass, std::span<const float> frequencies, float scale) {
    int64_t pairs = static_cast<int64_t>(frequencies.size());
    Tensor angles = pass.arena.tensor(Dtype::f32, {pass.batch().rows(), 2, pairs});
    Tensor positions = upload<int32_t>(pass, positions_of(pass.batch()));
    pass.kernels.rotary_angles(pass.stream, angles, positions, upload(pass, frequencies), scale);
    return angles;
}

Value rope(Pass& pass, Value x, Tensor angles) {
    pass.kernels.rope(pass.stream, x.data, angles, false);
    if (pass.recording()) pass.record([=, &pass] { pass.kernels.rope(pass.stream, pass.gradient(x), angles, true); });
    return x;
}

namespace {

std::vector<AttentionSpan> spans_of(const Pass& pass, Tensor k, Tensor v, int64_t layer) {
    const Batch& batch = pass.batch();
    std::vector<AttentionSpan> spans;
    for (const Sequence& s : batch.sequences) {
        AttentionSpan span{.first = s.first, .n = s.n, .keys = s.past + s.n};
        if (batch.cache) {
            span.cache = batch.cache->layer(layer);
            span.pages = s.pages;
        } else {
            span.k = k.row<float>(s.first);
            span.v = v.row<float>(s.first);
        }
        spans.push_back(span);
    }
    return spans;
}

}  // namespace

Value attention(Pass& pass, Value q, Value k, Value v, int64_t layer, AttentionShape shape) {
    std::vector<AttentionSpan> spans = spans_of(pass, k.data, v.data, layer);
    if (pass.batch().cache) pass.kernels.append_kv(pass.stream, k.data, v.data, spans, shape);
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

std::vector<double> head_loss(Pass& pass, Value x, Param& head, float seed) {
    const Kernels& kernels = pass.kernels;
    const Batch& batch = pass.batch();
    int64_t V = head.weight.size[0];
    Tensor targets = upload<int32_t>(pass, batch.targets), loss = pass.arena.tensor(Dtype::f32, {batch.rows()}), dx;
    bool recording = pass.recording();
    if (recording) dx = pass.arena.zeros(pass.stream, Dtype::f32, {x.data.rows(), x.data.columns()});
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
    HostCopy losses_of_tokens(kernels, pass.stream, loss);
    Tensor all_losses = losses_of_tokens.download();
    std::vector<double> sums;
    for (size_t c = 0; c + 1 < batch.chunk.size(); ++c) {
        std::span<float> losses = all_losses.slice(batch.chunk[c], batch.chunk[c + 1] - batch.chunk[c]).span<float>();
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
