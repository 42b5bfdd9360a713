// The formulas are those of core/blocks.h. Every product is exact: d, scale and q have at most 11 + 7 + 5 significant
// bits.
#include "core/blocks.h"
#include "core/threads.h"
#include "kernels/cpu/panels.h"
#include "kernels/cpu/scalar.h"
#include "kernels/cpu/tables.h"

#include <vector>

namespace puna::scalar {

namespace {

void dequantize_block(float* x, const BlockQ8_0& block) {
    float d = static_cast<float>(block.d);
    for (int i = 0; i < block.size; ++i) x[i] = d * static_cast<float>(block.q[i]);
}

void dequantize_block(float* x, const BlockQ4_0& block) {
    float d = static_cast<float>(block.d);
    for (int i = 0; i < block.size / 2; ++i) {
        x[i] = d * static_cast<float>((block.q[i] & 15) - 8);
        x[i + block.size / 2] = d * static_cast<float>((block.q[i] >> 4) - 8);
    }
}

void dequantize_block(float* x, const BlockQ6_K& block) {
    float d = static_cast<float>(block.d);
    for (int i = 0; i < block.size; ++i) {
        int half = i / 128, quarter = i % 128 / 32;
        int low = block.low[64 * half + i % 64] >> (quarter < 2 ? 0 : 4) & 15;
        int high = block.high[32 * half + i % 32] >> 2 * quarter & 3;
        x[i] = d * static_cast<float>(block.scale[i / 16]) * static_cast<float>((high << 4 | low) - 32);
    }
}

}  // namespace

void dequantize(Stream, Tensor out, Tensor x) {
    constexpr int64_t blocks_per_task = 64;
    check(out.count() == x.count(), "dequantize: {} = {}", out, x);
    with_block(x.dtype, [&]<class Block>() {
        const Block* block = blocks<Block>(x, 0);
        float* to = out.as<float>();
        parallel_for(x.count() / Block::size, blocks_per_task, [&](int64_t first, int64_t last) {
            for (int64_t i = first; i < last; ++i) dequantize_block(to + i * Block::size, block[i]);
        });
    });
}

}  // namespace puna::scalar

namespace puna::cpu {

void dequantize_part(float* to, const Tensor& w, int64_t r, int64_t first, int64_t n) {
    with_block(w.dtype, [&]<class Block>() {
        thread_local std::vector<Block> blocks;
        blocks.resize(static_cast<size_t>(n / Block::size));
        read_blocks(blocks.data(), w, r, first / Block::size, n / Block::size);
        for (const Block& block : blocks) {
            scalar::dequantize_block(to, block);
            to += Block::size;
        }
    });
}

}  // namespace puna::cpu
