#include "nn/linear.h"

#include <algorithm>
#include <iterator>

namespace puna {

namespace {

struct RowRange {
    int64_t first, n;
};

// The rows of a batch whose sequences use one adapter.
struct AdapterRows {
    std::vector<RowRange> ranges;  // in order, adjacent ranges merged
    int64_t count = 0;
    std::vector<int64_t> chunk;  // first of these rows in each gradient chunk of the batch, and the end
};

// The sequences of x: those of the batch, or if x has selected rows of it, one for each row.
std::vector<Sequence> sequences_of(const Batch& batch, std::span<const int64_t> rows) {
    if (rows.empty()) return batch.sequences;
    std::vector<Sequence> sequences;
    for (int64_t row : rows) {
        auto after = [](int64_t r, const Sequence& s) { return r < s.first; };
        auto next = std::upper_bound(batch.sequences.begin(), batch.sequences.end(), row, after);
        check(next != batch.sequences.begin(), "row {} is not in the batch", row);
        sequences.push_back(
            {.first = static_cast<int64_t>(sequences.size()), .n = 1, .adapter = std::prev(next)->adapter});
    }
    return sequences;
}

AdapterRows rows_of_adapter(std::span<const Sequence> sequences, std::span<const int64_t> chunk, int adapter) {
    AdapterRows rows;
    rows.chunk.assign(chunk.size(), 0);
    for (const Sequence& s : sequences) {
        if (s.adapter != adapter) continue;
        bool adjacent = !rows.ranges.empty() && rows.ranges.back().first + rows.ranges.back().n == s.first;
        adjacent ? void(rows.ranges.back().n += s.n) : rows.ranges.push_back({s.first, s.n});
        rows.count += s.n;
        for (size_t c = 0; c < rows.chunk.size(); ++c) rows.chunk[c] += std::clamp<int64_t>(chunk[c] - s.first, 0, s.n);
    }
    return rows;
}

// The adapter's rows of x, contiguous: [count, columns].
Value gather_rows(Pass& pass, Value x, const AdapterRows& rows) {
    if (rows.count == x.data.rows()) return x;
    Value out = pass.empty({rows.count, x.data.columns()});
    int64_t at = 0;
    for (const RowRange& r : rows.ranges) {
        Tensor from = x.data.slice(r.first, r.n);
        pass.kernels.copy(pass.stream, out.data.slice(at, r.n).data, from.data, static_cast<size_t>(from.bytes()));
        at += r.n;
    }
    if (pass.recording())
        pass.record([=, &pass, ranges = rows.ranges] {
            Tensor dx = pass.gradient(x), dout = pass.gradient(out);
            int64_t at = 0;
            for (const RowRange& r : ranges) {
                Tensor to = dx.slice(r.first, r.n);
                pass.kernels.add(pass.stream, to, to, dout.slice(at, r.n));
                at += r.n;
            }
        });
    return out;
}

// The adapter's rows of `out` += scale * change, in place.
void scatter_add_scaled(Pass& pass, Value out, Value change, const AdapterRows& rows, float scale) {
    auto each_range = [](const std::vector<RowRange>& ranges, auto f) {
        int64_t at = 0;
        for (const RowRange& r : ranges) {
            f(r, at);
            at += r.n;
        }
    };
    each_range(rows.ranges, [&](const RowRange& r, int64_t at) {
        pass.kernels.add_scaled(pass.stream, out.data.slice(r.first, r.n), change.data.slice(at, r.n), scale);
    });
    if (pass.recording())
        pass.record([=, &pass, ranges = rows.ranges] {
            Tensor dout = pass.gradient(out), dchange = pass.gradient(change);
            each_range(ranges, [&](const RowRange& r, int64_t at) {
                pass.kernels.add_scaled(pass.stream, dchange.slice(at, r.n), dout.slice(r.first, r.n), scale);
            });
        });
}

// out += scale * b(a(x)) in the adapter's rows of the batch; other rows are not computed.
void add_adapter(Pass& pass, Value out, Value x, Lora& adapter, const AdapterRows& rows) {
    Value inner = matmul(pass, gather_rows(pass, x, rows), adapter.a, rows.chunk);
    scatter_add_scaled(pass, out, matmul(pass, inner, adapter.b, rows.chunk), rows, adapter.scale);
}

// An adapter without rows in the batch has a zero gradient: every sum of a step must be set.
void record_zero_gradient(Pass& pass, Param& param, const AdapterRows& rows) {
    if (!pass.recording() || !param.trainable()) return;
    pass.record([&pass, &param, chunk = rows.chunk] {
        std::vector<Tensor> levels;
        TreeSum sum = pass.gradients->sum_of(param, chunk, levels);
        Tensor no_dout(nullptr, Dtype::f32, {0, param.weight.size[0]}),
            no_x(nullptr, Dtype::f32, {0, param.weight.columns()});
        pass.kernels.matmul_weight_gradient(pass.stream, sum, no_dout, no_x, param.weight.dtype);
    });
}

// Forward: identity. Backward: all-reduce of the gradient.
Value copy_to_group(Pass& pass, Value x, const Group& group) {
    Value copy = pass.value(x.data);
    if (pass.recording())
        pass.record([=, &pass] {
            Tensor dcopy = pass.gradient(copy), dx = pass.gradient(x);
            group.all_reduce(pass.kernels, pass.stream, dcopy);
            pass.kernels.add(pass.stream, dx, dx, dcopy);
        });
    return copy;
}

}  // namespace

Value Linear::operator()(Pass& pass, Value x, std::span<const int64_t> rows) {
    bool distributed = group.size() > 1;
    check(rows.empty() || !pass.recording(), "{}: selected rows cannot be trained", weight.name);
    check(adapters.empty() || !pass.gradients || !distributed || split == Split::none,
          "{}: LoRA adapters cannot be trained in a group of {}", weight.name, group.size());
    if (distributed && split == Split::rows) x = copy_to_group(pass, x, group);
    Value out = matmul(pass, x, weight);
    std::vector<Sequence> sequences = adapters.empty() ? std::vector<Sequence>() : sequences_of(pass.batch(), rows);
    for (const Sequence& s : sequences)
        check(s.adapter < static_cast<int>(adapters.size()), "{}: adapter {} of {}", weight.name, s.adapter,
              adapters.size());
    for (size_t i = 0; i < adapters.size(); ++i) {
        if (!adapters[i].a.weight) continue;
        AdapterRows own = rows_of_adapter(sequences, pass.batch().chunk, static_cast<int>(i));
        if (own.count > 0) {
            add_adapter(pass, out, x, adapters[i], own);
        } else {
            record_zero_gradient(pass, adapters[i].a, own);
            record_zero_gradient(pass, adapters[i].b, own);
        }
    }
    if (distributed && split == Split::columns) group.all_reduce(pass.kernels, pass.stream, out.data);
    return bias.weight ? add_bias(pass, out, bias) : out;
}

}  // namespace puna
