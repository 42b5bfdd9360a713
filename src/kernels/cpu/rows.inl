// kernels/cpu/rows.inl — row-wise kernels: RMSNorm, RoPE, SwiGLU, softmax, cross-entropy. Formulas as in scalar.cpp,
// letters as in kernels.h.

// Calls f(i, n) for vectors of n <= lanes elements at i, over a row of D elements.
template <class Piece>
inline void for_each_vector(int64_t D, Piece f) {
    int64_t i = 0;
    for (; i + lanes <= D; i += lanes) f(i, lanes);
    if (i < D) f(i, D - i);
}

// Full or partial vectors; the branch is cheap.
inline F load_n(const float* p, int64_t n) { return n == lanes ? load(p) : load(p, n); }
inline void store_n(float* p, F x, int64_t n) { n == lanes ? store(p, x) : store(p, x, n); }

inline void rms_norm(Stream, Tensor out, Tensor scale, Tensor x, Tensor w, float epsilon) {
    int64_t D = x.columns();
    check(w.count() == D && out.rows() == x.rows(), "rms_norm: {} of {} with {}", out, x, w);
    const float* weight = w.as<float>();
    parallel_for(x.rows(), 16, [&](int64_t first, int64_t last) {
        for (int64_t t = first; t < last; ++t) {
            const float* row = x.row<float>(t);
            float* to = out.row<float>(t);
            F squares = broadcast(0);
            for_each_vector(D, [&](int64_t i, int64_t n) {
                F v = load_n(row + i, n);
                squares = fma(v, v, squares);
            });
            float s = 1 / std::sqrt(reduce_add(squares) / static_cast<float>(D) + epsilon);
            for_each_vector(D, [&](int64_t i, int64_t n) {
                store_n(to + i, load_n(row + i, n) * broadcast(s) * load_n(weight + i, n), n);
            });
            scale.as<float>()[t] = s;
        }
    });
}

// The gradient of a vector of D elements: add(sum, t, column, n) adds token t's to n of them.
template <class Add>
inline void sum_over_tokens(const TreeSum& tree, int64_t D, Add add) {
    int64_t columns = std::clamp<int64_t>(round_up(divide_up<int64_t>(D, threads()), int64_t{64}), 64, 1024);
    parallel_for(divide_up(D, columns), [&](int64_t block) {
        int64_t first = block * columns, n_columns = std::min(columns, D - first);
        float* part = cpu::scratch(cpu::Scratch::tile, (TreeTile::scratch_levels(tree) + 1) * columns);
        TreeTile tile{tree, 0, first, 1, n_columns, D, part + columns};
        for (int64_t c = 0; c < tree.chunks(); ++c) {
            std::fill(part, part + n_columns, 0.0f);
            for (int64_t t = tree.chunk[static_cast<size_t>(c)]; t < tree.chunk[static_cast<size_t>(c) + 1]; ++t)
                for_each_vector(n_columns, [&](int64_t i, int64_t n) { add(part + i, t, first + i, n); });
            tile.push(c, part);
        }
    });
}

inline void rms_norm_backward(Stream, Tensor dx, const TreeSum& dw, Tensor dout, Tensor x, Tensor w, Tensor scale) {
    int64_t D = x.columns();
    const float *weight = w.as<float>(), *scales = scale.as<float>();
    parallel_for(x.rows(), 16, [&](int64_t first, int64_t last) {
        for (int64_t t = first; t < last; ++t) {
            const float *row = x.row<float>(t), *d_row = dout.row<float>(t);
            float* to = dx.row<float>(t);
            F products = broadcast(0);
            for_each_vector(D, [&](int64_t i, int64_t n) {
                products = fma(load_n(d_row + i, n) * load_n(weight + i, n), load_n(row + i, n), products);
            });
            float s = scales[t], pull = reduce_add(products) * s * s / static_cast<float>(D);
            for_each_vector(D, [&](int64_t i, int64_t n) {
                F g = fnma(load_n(row + i, n), broadcast(pull), load_n(d_row + i, n) * load_n(weight + i, n));
                store_n(to + i, fma(broadcast(s), g, load_n(to + i, n)), n);
            });
        }
    });
    sum_over_tokens(dw, D, [&](float* sum, int64_t t, int64_t column, int64_t n) {
        F product = load_n(dout.row<float>(t) + column, n) * load_n(x.row<float>(t) + column, n);
        store_n(sum, fma(product, broadcast(scales[t]), load_n(sum, n)), n);
    });
}

inline void add_bias(Stream, Tensor x, Tensor bias) {
    check(bias.count() == x.columns(), "add_bias: {} to {}", bias, x);
    parallel_for(x.rows(), 16, [&](int64_t first, int64_t last) {
        for (int64_t t = first; t < last; ++t)
            for_each_vector(x.columns(), [&](int64_t i, int64_t n) {
                float* to = x.row<float>(t) + i;
                store_n(to, load_n(to, n) + load_n(bias.as<float>() + i, n), n);
            });
    });
}

inline void bias_gradient(Stream, const TreeSum& dbias, Tensor dout) {
    sum_over_tokens(dbias, dout.columns(), [&](float* sum, int64_t t, int64_t column, int64_t n) {
        store_n(sum, load_n(sum, n) + load_n(dout.row<float>(t) + column, n), n);
    });
}

inline void rotate(float* x, const float* cosine, const float* sine, int64_t P, bool inverse) {
    for_each_vector(P, [&](int64_t p, int64_t n) {
        F c = load_n(cosine + p, n), s = load_n(sine + p, n), a = load_n(x + p, n), b = load_n(x + P + p, n);
        if (inverse) s = broadcast(0) - s;
        store_n(x + p, fnma(b, s, a * c), n);
        store_n(x + P + p, fma(a, s, b * c), n);
    });
}

inline void rope(Stream, Tensor x, Tensor angles, bool inverse) {
    int64_t T = x.rows(), P = angles.count() / (2 * std::max<int64_t>(T, 1)), heads = x.columns() / (2 * P);
    check(heads * 2 * P == x.columns(), "rope: {} with {}", x, angles);
    parallel_for(T, 16, [&](int64_t first, int64_t last) {
        for (int64_t t = first; t < last; ++t)
            for (int64_t h = 0; h < heads; ++h) {
                const float* cosine = angles.as<float>() + t * 2 * P;
                rotate(x.row<float>(t) + h * 2 * P, cosine, cosine + P, P, inverse);
            }
    });
}

inline void swiglu(Stream, Tensor out, Tensor gate, Tensor up) {
    check(out.count() == gate.count() && gate.count() == up.count(), "swiglu: {} of {}, {}", out, gate, up);
    parallel_for(out.rows(), 4, [&](int64_t first, int64_t last) {
        const float *g_row = gate.row<float>(first), *u_row = up.row<float>(first);
        float* to = out.row<float>(first);
        for_each_vector((last - first) * out.columns(), [&](int64_t i, int64_t n) {
            F g = load_n(g_row + i, n);
            store_n(to + i, g * sigmoid(g) * load_n(u_row + i, n), n);
        });
    });
}

inline void swiglu_backward(Stream, Tensor dgate, Tensor dup, Tensor dout, Tensor gate, Tensor up) {
    check(dout.count() == gate.count() && gate.count() == up.count(), "swiglu gradient: {} of {}, {}", dout, gate, up);
    parallel_for(dout.rows(), 4, [&](int64_t first, int64_t last) {
        const float *g_row = gate.row<float>(first), *u_row = up.row<float>(first), *d_row = dout.row<float>(first);
        float *dg_row = dgate.row<float>(first), *du_row = dup.row<float>(first);
        for_each_vector((last - first) * dout.columns(), [&](int64_t i, int64_t n) {
            F g = load_n(g_row + i, n), s = sigmoid(g), d = load_n(d_row + i, n), gs = g * s;
            store_n(dg_row + i, fma(d * load_n(u_row + i, n), s + gs * (broadcast(1) - s), load_n(dg_row + i, n)), n);
            store_n(du_row + i, fma(d, gs, load_n(du_row + i, n)), n);
        });
    });
}

inline float row_max(const float* row, int64_t V) {
    F largest = broadcast(-std::numeric_limits<float>::infinity());
    int64_t i = 0;
    for (; i + lanes <= V; i += lanes) largest = max(largest, load(row + i));
    float value = reduce_max(largest);
    for (; i < V; ++i) value = std::max(value, row[i]);
    return value;
}

// The sum of exp(row - top); calls f(i, n, exponentials) for each vector.
template <class Piece>
inline float row_exp_sum(const float* row, int64_t V, float top, Piece f) {
    F total = broadcast(0);
    int64_t i = 0;
    for (; i + lanes <= V; i += lanes) {
        F p = exp(load(row + i) - broadcast(top));
        f(i, lanes, p);
        total = total + p;
    }
    float result = reduce_add(total);
    if (i < V) {
        F p = exp(load(row + i, V - i) - broadcast(top));
        f(i, V - i, p);
        alignas(64) float tail[lanes];
        store(tail, p);
        for (int64_t j = 0; j < V - i; ++j) result += tail[j];
    }
    return result;
}

inline void scale_values(float* row, int64_t V, float factor) {
    for_each_vector(V, [&](int64_t i, int64_t n) { store_n(row + i, load_n(row + i, n) * broadcast(factor), n); });
}

inline void softmax(Stream, Tensor x) {
    int64_t V = x.columns();
    parallel_for(x.rows(), [&](int64_t t) {
        float* row = x.row<float>(t);
        float total = row_exp_sum(row, V, row_max(row, V), [&](int64_t i, int64_t n, F p) { store_n(row + i, p, n); });
        scale_values(row, V, 1 / total);
    });
}

inline void cross_entropy(Stream, Tensor loss, Tensor logits, Tensor targets) {
    int64_t V = logits.columns();
    parallel_for(logits.rows(), [&](int64_t t) {
        const float* row = logits.row<float>(t);
        int32_t target = targets.as<int32_t>()[t];
        float top = row_max(row, V), total = row_exp_sum(row, V, top, [](int64_t, int64_t, F) {});
        loss.as<float>()[t] = target < 0 ? 0 : std::log(total) + top - row[target];
    });
}

inline void cross_entropy_backward(Stream, Tensor loss, Tensor logits, Tensor targets, float seed) {
    int64_t V = logits.columns();
    parallel_for(logits.rows(), [&](int64_t t) {
        float *row = logits.row<float>(t), *to = loss.as<float>() + t;
        int32_t target = targets.as<int32_t>()[t];
        if (target < 0) {
            std::fill(row, row + V, 0.0f);
            *to = 0;
            return;
        }
        float target_logit = row[target], top = row_max(row, V);
        float total = row_exp_sum(row, V, top, [&](int64_t i, int64_t n, F p) { store_n(row + i, p, n); });
        *to = std::log(total) + top - target_logit;
        scale_values(row, V, seed / total);
        row[target] -= seed;
    });
}
