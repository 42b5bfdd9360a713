// kernels/cpu/quantize_blocks.inl — the kernel `quantize`: blocks of rows into lanes, and their numbers out of them.

// Block i of `lanes`, out of its lane.
inline UnpackedBlock numbers_of_lane(const BlockNumbers& numbers, int64_t lane, int64_t size) {
    auto at = [&](F all) {
        alignas(64) float values[lanes];
        store(values, all);
        return values[lane];
    };
    UnpackedBlock block;
    block.d = at(numbers.d);
    block.m = at(numbers.m);
    for (int j = 0; j < 16; ++j) {
        block.scale[j] = static_cast<int8_t>(at(numbers.scale[j]));
        block.minimum[j] = static_cast<uint8_t>(at(numbers.minimum[j]));
    }
    for (int64_t i = 0; i < size; ++i) block.q[i] = static_cast<int8_t>(numbers.q[i * lanes + lane]);
    return block;
}

// The weights of squared errors, so far those of the columns: times sqrt(x^2 + 2 * the block's mean of it). Trained
// models diverge less if large elements count more, above all with few bits. Source: llama.cpp, ggml-quants.c.
inline void weigh_large_elements(float* weights, const float* values, int64_t size) {
    F sum = zero();
    for (int64_t i = 0; i < size; ++i) sum = fma(load(values + i * lanes), load(values + i * lanes), sum);
    F offset = sum * broadcast(2 / static_cast<float>(size));
    for (int64_t i = 0; i < size; ++i) {
        F x = load(values + i * lanes);
        store(weights + i * lanes, load(weights + i * lanes) * sqrt(fma(x, x, offset)));
    }
}

// Blocks first .. first + lanes of x, or to its end.
template <class Block>
void quantize_blocks(Tensor out, Tensor x, Tensor importance, int64_t first) {
    constexpr int64_t size = Block::size;
    int64_t count = x.count() / size, n = std::min(lanes, count - first), in_row = x.columns() / size;
    alignas(64) float values[size * lanes], weights[size * lanes], q[size * lanes];
    const float *of_lane[lanes], *importance_of_lane[lanes];
    for (int64_t i = 0; i < lanes; ++i) {
        int64_t block = first + std::min(i, n - 1);
        of_lane[i] = x.as<float>() + block * size;
        if (importance) importance_of_lane[i] = importance.as<float>() + block % in_row * size;
    }
    transpose_pieces(values, of_lane, size);
    importance ? transpose_pieces(weights, importance_of_lane, size)
               : void(std::fill(weights, weights + size * lanes, 1.0f));
    weigh_large_elements(weights, values, size);
    BlockNumbers numbers{};
    numbers.q = q;
    quantize_block(BlockTag<Block>(), numbers, {values, weights});
    for (int64_t i = 0; i < n; ++i)
        pack_block(blocks<Block>(out, 0) + first + i, Block::dtype, numbers_of_lane(numbers, i, size));
}

inline void quantize(Stream, Tensor out, Tensor x, Tensor importance) {
    check(out.count() == x.count() && out.columns() == x.columns() && !out.is_packed(), "quantize: {} = {}", out, x);
    check(!importance || importance.count() == x.columns(), "quantize: {} with importance {}", x, importance);
    with_block(out.dtype, [&]<class Block>() {
        parallel_for(divide_up(x.count() / Block::size, lanes),
                     [&](int64_t group) { quantize_blocks<Block>(out, x, importance, group * lanes); });
    });
}
