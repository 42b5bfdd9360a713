// kernels/cpu/elementwise.inl — elementwise kernels: embedding, addition, conversion, sums of squares, AdamW. Formulas
// as in scalar.cpp.

constexpr int64_t task_size = 1 << 14;  // elements per task

// Calls f(i, n) for vectors of n elements at i, up to `count`, on all threads.
template <class Piece>
inline void parallel_vectors(int64_t count, Piece f) {
    parallel_for(count, task_size, [&](int64_t first, int64_t last) {
        for_each_vector(last - first, [&](int64_t i, int64_t n) { f(first + i, n); });
    });
}

inline void embed(Stream stream, Tensor out, Tensor table, Tensor ids) {
    if (table.is_packed() || is_block_type(table.dtype)) return scalar_kernels.embed(stream, out, table, ids);
    with_type(table.dtype, [&]<class W>() {
        parallel_for(ids.count(), 16, [&](int64_t first, int64_t last) {
            for (int64_t t = first; t < last; ++t) {
                int32_t id = ids.as<int32_t>()[t];
                check(id >= 0 && id < table.size[0], "embed: token {} of {}", id, table.size[0]);
                for_each_vector(out.columns(), [&](int64_t i, int64_t n) {
                    const W* row = table.row<W>(id) + i;
                    store_n(out.row<float>(t) + i, n == lanes ? load(row) : load(row, n), n);
                });
            }
        });
    });
}

inline void embed_backward(Stream, const TreeSum& dtable, Tensor dout, Tensor ids) {
    int64_t D = dout.columns(), V = 0, chunks = dtable.chunks();
    for (const Tensor& level : dtable.level)
        if (level) V = level.size[0];
    std::vector<int64_t> order(static_cast<size_t>(dtable.chunk.back() - dtable.chunk.front()));
    std::iota(order.begin(), order.end(), dtable.chunk.front());
    const int32_t* id = ids.as<int32_t>();
    std::sort(order.begin(), order.end(),
              [id](int64_t a, int64_t b) { return id[a] != id[b] ? id[a] < id[b] : a < b; });
    parallel_for(V, 64, [&](int64_t first, int64_t last) {
        float* part = cpu::scratch(cpu::Scratch::tile, (TreeTile::scratch_levels(dtable) + 1) * D);
        auto at = std::lower_bound(order.begin(), order.end(), first,
                                   [id](int64_t position, int64_t value) { return id[position] < value; });
        for (int64_t v = first; v < last; ++v) {
            TreeTile tile{dtable, v, 0, 1, D, D, part + D};
            for (int64_t c = 0; c < chunks; ++c) {
                std::fill(part, part + D, 0.0f);
                for (; at != order.end() && id[*at] == v && *at < dtable.chunk[static_cast<size_t>(c) + 1]; ++at)
                    for_each_vector(D, [&](int64_t i, int64_t n) {
                        store_n(part + i, load_n(part + i, n) + load_n(dout.row<float>(*at) + i, n), n);
                    });
                tile.push(c, part);
            }
        }
    });
}

inline void add(Stream, Tensor out, Tensor a, Tensor b) {
    check(out.count() == a.count() && a.count() == b.count(), "add: {} = {} + {}", out, a, b);
    float *to = out.as<float>(), *x = a.as<float>(), *y = b.as<float>();
    parallel_vectors(out.count(),
                     [&](int64_t i, int64_t n) { store_n(to + i, load_n(x + i, n) + load_n(y + i, n), n); });
}

inline void add_scaled(Stream, Tensor out, Tensor x, float factor) {
    check(out.count() == x.count(), "add_scaled: {} += {}", out, x);
    float *to = out.as<float>(), *from = x.as<float>();
    parallel_vectors(out.count(), [&](int64_t i, int64_t n) {
        store_n(to + i, fma(broadcast(factor), load_n(from + i, n), load_n(to + i, n)), n);
    });
}

inline void convert(Stream, Tensor out, Tensor x) {
    check(out.count() == x.count(), "convert: {} = {}", out, x);
    with_type(out.dtype, [&]<class To>() {
        with_type(x.dtype, [&]<class From>() {
            To* to = out.as<To>();
            const From* from = x.as<From>();
            parallel_vectors(out.count(), [&](int64_t i, int64_t n) {
                n == lanes ? store(to + i, load(from + i)) : store(to + i, load(from + i, n), n);
            });
        });
    });
}

inline double sum_of_squares(Stream, Tensor x) {
    std::vector<double> sums(static_cast<size_t>(divide_up(x.count(), task_size)));
    float* from = x.as<float>();
    parallel_for(x.count(), task_size, [&](int64_t first, int64_t last) {
        F total[4] = {broadcast(0), broadcast(0), broadcast(0), broadcast(0)};
        for_each_vector(last - first, [&](int64_t i, int64_t n) {
            F v = load_n(from + first + i, n);
            F& one = total[i / lanes % 4];
            one = fma(v, v, one);
        });
        double& s = sums[static_cast<size_t>(first / task_size)];
        for (F one : total) s += static_cast<double>(reduce_add(one));
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

inline void adamw(Stream, Tensor weight, Tensor m, Tensor v, Tensor gradient, const AdamW& s) {
    check(weight.count() == gradient.count() && m.count() == v.count(), "adamw: {} by {}", weight, gradient);
    float *w = weight.as<float>(), *first_moment = m.as<float>(), *second_moment = v.as<float>(),
          *grads = gradient.as<float>();
    float decay = 1 - s.learning_rate * s.weight_decay;
    parallel_vectors(weight.count(), [&](int64_t i, int64_t n) {
        F g = load_n(grads + i, n) * broadcast(s.gradient_scale);
        F mi = fma(broadcast(s.beta1), load_n(first_moment + i, n), broadcast(1 - s.beta1) * g);
        F vi = fma(broadcast(s.beta2), load_n(second_moment + i, n), broadcast(1 - s.beta2) * g * g);
        F step = mi / broadcast(s.correction1) / (sqrt(vi / broadcast(s.correction2)) + broadcast(s.epsilon));
        store_n(first_moment + i, mi, n);
        store_n(second_moment + i, vi, n);
        store_n(w + i, fnma(broadcast(s.learning_rate), step, load_n(w + i, n) * broadcast(decay)), n);
    });
}
