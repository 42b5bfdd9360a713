// kernels/cpu/tree_sum.inl — sums of gradients over chunks, one tile at a time (see TreeSum in kernels.h). Included
// inside the namespace of each instruction set.

// Rows row .. row + rows and columns column .. column + columns of a gradient with `stride` elements per row.
struct TreeTile {
    const TreeSum& tree;
    int64_t row, column, rows, columns, stride;
    float* scratch;  // scratch_levels(tree) * rows * columns floats: levels used only within this call

    struct View {
        float* data;
        int64_t stride;
    };

    static int64_t scratch_levels(const TreeSum& tree) {
        return static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(tree.first + tree.chunks())));
    }

    View level(int k) const {
        if (static_cast<size_t>(k) < tree.level.size() && tree.level[static_cast<size_t>(k)])
            return {static_cast<float*>(tree.level[static_cast<size_t>(k)].data) + row * stride + column, stride};
        return {scratch + k * rows * columns, columns};
    }

    // Where to compute the sum over chunk i of this call: its final location if it is the first of a pair, otherwise
    // `part` [rows, columns].
    View destination(int64_t i, float* part) const { return is_first(i) ? level(0) : View{part, columns}; }

    // Adds the sum computed in destination(i, part); clobbers `part`.
    void commit(int64_t i, float* part) const {
        if (!is_first(i)) push(i, part);
    }

    // Adds `part`, the sum over chunk i of this call, and clobbers it.
    void push(int64_t i, float* part) const {
        uint64_t position = static_cast<uint64_t>(tree.first + i);
        if (is_first(i)) return store(level(0), part);
        if (tree.running) return add(level(0), level(0), part);
        int k = 0;
        for (; position & 1; position >>= 1, ++k)
            if (position & 2)
                add({part, columns}, level(k), part);
            else
                return add(level(k + 1), level(k), part);
    }

 private:
    bool is_first(int64_t i) const { return tree.running ? tree.first + i == 0 : (tree.first + i) % 2 == 0; }
    void add(View out, View a, const float* b) const {
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < columns; ++c)
                out.data[r * out.stride + c] = a.data[r * a.stride + c] + b[r * columns + c];
    }
    void store(View out, const float* b) const {
        for (int64_t r = 0; r < rows; ++r)
            std::memcpy(out.data + r * out.stride, b + r * columns, static_cast<size_t>(columns) * sizeof(float));
    }
};
