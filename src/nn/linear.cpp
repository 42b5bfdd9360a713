#include "nn/linear.h"

namespace puna {

namespace {

void zero_rows_of_others(Pass& pass, Tensor x, const Batch& batch, int adapter) {
    for (const Sequence& s : batch.sequences)
        if (s.adapter != adapter) pass.kernels.zero(pass.stream, x.slice(s.first, s.n));
}

// Rows of other adapters are zeros, also on the way back.
Value only_adapter(Pass& pass, Value x, const Batch& batch, int adapter) {
    zero_rows_of_others(pass, x.data, batch, adapter);
    if (pass.recording())
        pass.record([=, &pass, &batch] { zero_rows_of_others(pass, pass.gradient(x), batch, adapter); });
    return x;
}

Value add_scaled(Pass& pass, Value out, Value change, float scale) {
    pass.kernels.add_scaled(pass.stream, out.data, change.data, scale);
    if (pass.recording())
        pass.record(
            [=, &pass] { pass.kernels.add_scaled(pass.stream, pass.gradient(change), pass.gradient(out), scale); });
    return out;
}

// The same value to every rank of the group; on the way back their gradients are summed.
Value to_group(Pass& pass, Value x) {
    Value copy = pass.value(x.data);
    if (pass.recording())
        pass.record([=, &pass] {
            Tensor dcopy = pass.gradient(copy), dx = pass.gradient(x);
            pass.kernels.synchronize(pass.stream);
            pass.group.all_reduce(dcopy.span<float>());
            pass.kernels.add(pass.stream, dx, dx, dcopy);
        });
    return copy;
}

void sum_over_group(Pass& pass, Value x) {
    pass.kernels.synchronize(pass.stream);
    pass.group.all_reduce(x.data.span<float>());
}

}  // namespace

Value Linear::operator()(Pass& pass, Value x, const Batch& batch) {
    bool together = pass.group.size() > 1;
    check(pairs.empty() || !pass.gradients || !together || split == Split::none,
          "{}: LoRA pairs are not trained in a group of {}", weight.name, pass.group.size());
    for (const Sequence& s : batch.sequences)
        check(pairs.empty() || s.adapter < static_cast<int>(pairs.size()), "{}: adapter {} of {}", weight.name,
              s.adapter, pairs.size());
    if (together && split == Split::rows) x = to_group(pass, x);
    Value out = matmul(pass, x, weight, batch);
    for (size_t i = 0; i < pairs.size(); ++i) {
        int adapter = static_cast<int>(i);
        bool wanted = false;
        for (const Sequence& s : batch.sequences) wanted = wanted || s.adapter == adapter;
        if (!wanted) continue;
        Value down = only_adapter(pass, matmul(pass, x, pairs[i].a, batch), batch, adapter);
        out = add_scaled(pass, out, matmul(pass, down, pairs[i].b, batch), pairs[i].scale);
    }
    if (together && split == Split::columns) sum_over_group(pass, out);
    return out;
}

}  // namespace puna
