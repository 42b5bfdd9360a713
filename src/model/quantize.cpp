#include "model/quantize.h"

#include "core/error.h"
#include "kernels/host_copy.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace puna {

namespace {

constexpr int64_t piece_elements = int64_t{1} << 19;
constexpr double largest_f16 = 65504;

void to_f32(const Kernels& kernels, Tensor out, Tensor x) {
    is_block_type(x.dtype) ? kernels.dequantize({}, out, x) : kernels.convert({}, out, x);
}

// f16, and block types, whose scales are f16, have a limit.
double largest_value(Dtype dtype) {
    bool is_wide = dtype == Dtype::f32 || dtype == Dtype::bf16;
    return is_wide ? std::numeric_limits<double>::infinity() : largest_f16;
}

// values: some of a weight's in f32. The sum of their squares, which the kernels compute, is small if all are fine:
// only otherwise each value is looked at.
void check_values(const Kernels& kernels, std::string_view name, Tensor values, Dtype dtype) {
    if (kernels.sum_of_squares({}, values) <= largest_f16 * largest_f16) return;
    double limit = largest_value(dtype);
    HostCopy copy(kernels, {}, values);
    for (float x : copy.download().span<float>()) {
        if (!std::isfinite(x))
            fail(ErrorKind::damaged, "tensor {} contains {}: the weights are damaged, download or copy them again",
                 printable(name), x);
        if (std::abs(x) > limit)
            fail(ErrorKind::damaged, "tensor {} contains {}, but values of {} are at most {}: use bf16",
                 printable(name), x, info(dtype).name, limit);
    }
}

}  // namespace

void quantize_weight(const Kernels& kernels, std::string_view name, Tensor out, Tensor x, Tensor importance,
                     Arena& scratch) {
    check(out.size == x.size && out.rank == x.rank, "{}: {} from {}", name, out, x);
    int64_t rows =
        out.rank == 1 ? out.columns() : std::max<int64_t>(1, piece_elements / std::max<int64_t>(1, x.columns()));
    Arena::Mark mark = scratch.mark();
    for (int64_t first = 0; first < out.size[0]; first += rows) {
        int64_t n = std::min(rows, out.size[0] - first);
        Tensor from = x.slice(first, n), to = out.slice(first, n), values = from;
        if (from.dtype != Dtype::f32) {
            values = Tensor(scratch.tensor(Dtype::f32, {from.count()}).data, Dtype::f32,
                            std::span(from.size).first(static_cast<size_t>(from.rank)));
            to_f32(kernels, values, from);
        }
        check_values(kernels, name, values, out.dtype);
        is_block_type(out.dtype) ? kernels.quantize({}, to, values, importance) : kernels.convert({}, to, values);
        scratch.rewind(mark);
    }
    kernels.synchronize({});
}

}  // namespace puna
