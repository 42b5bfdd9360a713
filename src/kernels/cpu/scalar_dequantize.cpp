// Blocks by the formula of kernels/cpu/unpacked.h.
#include "core/blocks.h"
#include "core/threads.h"
#include "kernels/cpu/panels.h"
#include "kernels/cpu/scalar.h"
#include "kernels/cpu/tables.h"
#include "kernels/cpu/unpacked.h"

#include <vector>

namespace puna {

namespace {

// `count` blocks, one after the other.
void dequantize_blocks(float* to, Dtype dtype, const std::byte* block, int64_t count) {
    int size = static_cast<int>(info(dtype).block);
    for (int64_t b = 0; b < count; ++b, to += size, block += info(dtype).block_bytes) {
        UnpackedBlock n = unpack_block(dtype, block);
        for (int j = 0; j < size / 16; ++j) {
            float scale = n.d * static_cast<float>(n.scale[j]), minimum = n.m * static_cast<float>(n.minimum[j]);
            for (int i = 16 * j; i < 16 * (j + 1); ++i) to[i] = scale * static_cast<float>(n.q[i]) - minimum;
        }
    }
}

}  // namespace

void scalar::dequantize(Stream, Tensor out, Tensor x) {
    constexpr int64_t blocks_per_task = 64;
    const DtypeInfo& type = info(x.dtype);
    check(out.count() == x.count() && is_block_type(x.dtype) && !x.is_packed(), "dequantize: {} = {}", out, x);
    parallel_for(x.count() / type.block, blocks_per_task, [&](int64_t first, int64_t last) {
        dequantize_blocks(out.as<float>() + first * type.block, x.dtype,
                          static_cast<const std::byte*>(x.data) + first * type.block_bytes, last - first);
    });
}

void cpu::dequantize_part(float* to, const Tensor& w, int64_t r, int64_t first, int64_t n) {
    const DtypeInfo& type = info(w.dtype);
    thread_local std::vector<std::byte> bytes;
    bytes.resize(static_cast<size_t>(n / type.block * type.block_bytes));
    read_blocks(bytes.data(), w, r, first / type.block, n / type.block);
    dequantize_blocks(to, w.dtype, bytes.data(), n / type.block);
}

}  // namespace puna
