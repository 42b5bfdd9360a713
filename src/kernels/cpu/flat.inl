// kernels/cpu/flat.inl — kernels over numbers in a row: embedding, sums, conversion, AdamW. Formulas as in scalar.cpp.

constexpr int64_t flat_piece = 1 << 14;  // numbers that one task takes

// Calls f(i, n) for the pieces of all numbers, on all threads.
template <class Piece>
inline void each_flat(int64_t count, Piece f) {
    parallel_for(count, flat_piece, [&](int64_t first, int64_t last) {
        each_piece(last - first, [&](int64_t i, int64_t n) { f(first + i, n); });
    });
}

inline void embed(Stream, Tensor out, Tensor table, Tensor ids) {
    with_type(table.dtype, [&]<class W>() {
        parallel_for(ids.count(), 16, [&](int64_t first, int64_t last) {
            for (int64_t t = first; t < last; ++t) {
                int32_t id = ids.as<int32_t>()[t];
                check(id >= 0 && id < table.size[0], "embed: token {} of {}", id, table.size[0]);
                each_piece(out.columns(), [&](int64_t i, int64_t n) {
                    const W* row = table.row<W>(id) + i;
                    put(out.row<float>(t) + i, n == lanes ? load(row) : load(row, n), n);
                });
            }
        });
    });
}

inline void embed_gradient(Stream, const TreeSum& dtable, Tensor dout, Tensor ids) {
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
                                   [id](int64_t place, int64_t value) { return id[place] < value; });
        for (int64_t v = first; v < last; ++v) {
            TreeTile tile{dtable, v, 0, 1, D, D, part + D};
            for (int64_t c = 0; c < chunks; ++c) {
                std::fill(part, part + D, 0.0f);
                for (; at != order.end() && id[*at] == v && *at < dtable.chunk[static_cast<size_t>(c) + 1]; ++at)
                    each_piece(D, [&](int64_t i, int64_t n) {
                        put(part + i, take(part + i, n) + take(dout.row<float>(*at) + i, n), n);
                    });
                tile.push(c, part);
            }
        }
    });
}

inline void add(Stream, Tensor out, Tensor a, Tensor b) {
    check(out.count() == a.count() && a.count() == b.count(), "add: {} = {} + {}", out, a, b);
    float *to = out.as<float>(), *x = a.as<float>(), *y = b.as<float>();
    each_flat(out.count(), [&](int64_t i, int64_t n) { put(to + i, take(x + i, n) + take(y + i, n), n); });
}

inline void add_scaled(Stream, Tensor out, Tensor x, float factor) {
    check(out.count() == x.count(), "add_scaled: {} += {}", out, x);
    float *to = out.as<float>(), *from = x.as<float>();
    each_flat(out.count(),
              [&](int64_t i, int64_t n) { put(to + i, fma(set(factor), take(from + i, n), take(to + i, n)), n); });
}

inline void convert(Stream, Tensor out, Tensor x) {
    check(out.count() == x.count(), "convert: {} = {}", out, x);
    with_type(out.dtype, [&]<class To>() {
        with_type(x.dtype, [&]<class From>() {
            To* to = out.as<To>();
            const From* from = x.as<From>();
            each_flat(out.count(), [&](int64_t i, int64_t n) {
                n == lanes ? store(to + i, load(from + i)) : store(to + i, load(from + i, n), n);
            });
        });
    });
}

inline double sum_of_squares(Stream, Tensor x) {
    std::vector<double> sums(static_cast<size_t>(divide_up(x.count(), flat_piece)));
    float* from = x.as<float>();
    parallel_for(x.count(), flat_piece, [&](int64_t first, int64_t last) {
        F total[4] = {set(0), set(0), set(0), set(0)};
        each_piece(last - first, [&](int64_t i, int64_t n) {
            F v = take(from + first + i, n);
            F& one = total[i / lanes % 4];
            one = fma(v, v, one);
        });
        double& s = sums[static_cast<size_t>(first / flat_piece)];
        for (F one : total) s += static_cast<double>(sum(one));
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

inline void adamw(Stream, Tensor weight, Tensor m, Tensor v, Tensor gradient, const AdamW& s) {
    check(weight.count() == gradient.count() && m.count() == v.count(), "adamw: {} by {}", weight, gradient);
    float *w = weight.as<float>(), *first_moment = m.as<float>(), *second_moment = v.as<float>(),
          *grads = gradient.as<float>();
    float decay = 1 - s.learning_rate * s.weight_decay;
    each_flat(weight.count(), [&](int64_t i, int64_t n) {
        F g = take(grads + i, n) * set(s.gradient_scale);
        F mi = fma(set(s.beta1), take(first_moment + i, n), set(1 - s.beta1) * g);
        F vi = fma(set(s.beta2), take(second_moment + i, n), set(1 - s.beta2) * g * g);
        F step = mi / set(s.correction1) / (root(vi / set(s.correction2)) + set(s.epsilon));
        put(first_moment + i, mi, n);
        put(second_moment + i, vi, n);
        put(w + i, fnma(set(s.learning_rate), step, take(w + i, n) * set(decay)), n);
    });
}
