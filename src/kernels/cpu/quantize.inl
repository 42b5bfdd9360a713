// kernels/cpu/quantize.inl — f32 to block types: one block in each lane, so that a table computes the same bits with
// any number of lanes. `scalar` is this source with one lane.
//
// A group of elements that share a scale is fitted by weighted least squares: for each of some scales the elements are
// rounded, and for these integers the best scale has a closed form; the best of all is kept. Then the scales of a
// block are rounded themselves: each is the best of its neighbors, and the block's scale again has a closed form.
//
// Letters: x the elements, w their weights, q the integers, a a scale, b a minimum: x is about a * q, or a * q - b.

// `lanes` blocks, element i of all at i * lanes.
struct Elements {
    const float *x, *w;
    F value(int64_t i) const { return load(x + i * lanes); }
    F weight(int64_t i) const { return load(w + i * lanes); }
    Elements from(int64_t i) const { return {x + i * lanes, w + i * lanes}; }
};

inline F zero() { return broadcast(0); }
inline F clamp(F x, int low, int high) {
    return min(broadcast(static_cast<float>(high)), max(broadcast(static_cast<float>(low)), x));
}
// numerator / denominator, 0 where the denominator is so small that the quotient is no number to compute with.
inline F ratio(F numerator, F denominator) {
    return select(less(broadcast(1e-30f), abs(denominator)), numerator / denominator, zero());
}

// The value that the largest element of a group is tried to become, the i-th of n, if `end` is the largest that the
// type can store: beyond it, it is clamped so that the others are finer; below it, rounding may fit them better.
inline float trial(float end, int i, int n) {
    float position = 2 * (static_cast<float>(i) + 0.5f) / static_cast<float>(n) - 1;  // -1 .. 1
    return end * (1 + position * std::min(0.2f, 2 / std::abs(end)));
}

// The integers that a type can store.

template <int low, int high, int levels>
struct Integers {
    static F nearest(F x) { return clamp(round_to_integer(x), low, high); }
    // Near both ends of the range.
    static constexpr int count = 2 * levels;
    static float level(int i) { return trial(static_cast<float>(i < levels ? low : high), i % levels, levels); }
};

struct Iq4Values {
    static F nearest(F x) {
        F value = broadcast(iq4_values[0]);
        for (int i = 0; i < 15; ++i) {
            float low = iq4_values[i], high = iq4_values[i + 1];
            value = value + select(less(broadcast((low + high) / 2), x), broadcast(high - low), zero());
        }
        return value;
    }
    static constexpr int levels = 9, count = 2 * levels;
    static float level(int i) {
        return trial(static_cast<float>(i < levels ? iq4_values[0] : iq4_values[15]), i % levels, levels);
    }
};

// Sums over a group for the integers q.
struct ScaleSums {
    F xq, qq;
    void add(F x, F w, F q) {
        F wq = w * q;
        xq = fma(wq, x, xq);
        qq = fma(wq, q, qq);
    }
    F best() const { return ratio(xq, qq); }
    F explained() const { return ratio(xq * xq, qq); }  // of the squares of x, with the best scale
};

template <class Codes>
inline ScaleSums scale_sums(Elements e, int64_t n, F inverse) {
    ScaleSums sums{};
    for (int64_t i = 0; i < n; ++i) sums.add(e.value(i), e.weight(i), Codes::nearest(e.value(i) * inverse));
    return sums;
}

inline F largest_element(Elements e, int64_t n) {  // with its sign
    F largest = zero();
    for (int64_t i = 0; i < n; ++i) largest = select(less(abs(largest), abs(e.value(i))), e.value(i), largest);
    return largest;
}

template <class Codes>
inline F fit_scale(Elements e, int64_t n) {
    F inverse = ratio(broadcast(1), largest_element(e, n)), explained = zero(), scale = zero();
    auto keep_better = [&](const ScaleSums& sums) {
        M better = less(explained, sums.explained());
        explained = select(better, sums.explained(), explained);
        scale = select(better, sums.best(), scale);
    };
    for (int i = 0; i < Codes::count; ++i) keep_better(scale_sums<Codes>(e, n, inverse * broadcast(Codes::level(i))));
    for (int i = 0; i < 2; ++i) keep_better(scale_sums<Codes>(e, n, ratio(broadcast(1), scale)));
    return scale;
}

// The same with a minimum, x = a * q - b for q from 0 to `high`. Unless it is free, b is at least zero.

struct Affine {
    F a, b;
    F code(F x, int high) const { return clamp(round_to_integer((x + b) * ratio(broadcast(1), a)), 0, high); }
};

struct AffineSums {
    F w, x, q, qq, xq;
    void add(F value, F weight, F code) {
        F wq = weight * code;
        w = w + weight;
        x = fma(weight, value, x);
        q = q + wq;
        qq = fma(wq, code, qq);
        xq = fma(wq, value, xq);
    }
    Affine best(bool free_minimum) const {
        F determinant = fma(w, qq, zero() - q * q), a = ratio(fma(w, xq, zero() - x * q), determinant),
          b = ratio(fma(q, xq, zero() - qq * x), determinant);
        if (!free_minimum) {
            M positive = less(zero(), b);
            a = select(positive, a, ratio(xq, qq));
            b = select(positive, b, zero());
        }
        return {max(zero(), a), b};
    }
    F explained(const Affine& fit) const { return fma(fit.a, xq, zero() - fit.b * x); }
};

template <int high>
inline Affine fit_affine(Elements e, int64_t n, bool free_minimum) {
    F least = e.value(0), most = e.value(0);
    for (int64_t i = 1; i < n; ++i) least = min(least, e.value(i)), most = max(most, e.value(i));
    if (!free_minimum) least = min(least, zero());
    Affine best{zero(), zero() - least};
    F explained = zero();
    auto try_codes_of = [&](const Affine& trial) {
        AffineSums sums{};
        for (int64_t i = 0; i < n; ++i) sums.add(e.value(i), e.weight(i), trial.code(e.value(i), high));
        Affine fit = sums.best(free_minimum);
        M better = less(explained, sums.explained(fit));
        explained = select(better, sums.explained(fit), explained);
        best = {select(better, fit.a, best.a), select(better, fit.b, best.b)};
    };
    constexpr int trials = 12;
    for (int i = 0; i < trials; ++i)
        try_codes_of({(most - least) * broadcast(1 / trial(static_cast<float>(high), i, trials)), zero() - least});
    for (int i = 0; i < 2; ++i) try_codes_of(best);
    return best;
}

// What UnpackedBlock holds, of `lanes` blocks.
struct BlockNumbers {
    F d, m, scale[16], minimum[16];
    float* q;
    void set(int64_t i, F code) { store(q + i * lanes, code); }
};

// Blocks with one scale.
template <class Codes>
inline void quantize_one_scale(BlockNumbers& to, Elements e, int64_t n) {
    to.d = as_f16(fit_scale<Codes>(e, n));
    F inverse = ratio(broadcast(1), to.d);
    for (int64_t i = 0; i < n; ++i) to.set(i, Codes::nearest(e.value(i) * inverse));
}

template <int high>
inline void quantize_one_affine(BlockNumbers& to, Elements e, int64_t n) {
    Affine fit = fit_affine<high>(e, n, true);
    fit = {as_f16(fit.a), as_f16(fit.b)};
    to.d = fit.a;
    to.m = fit.b;
    for (int64_t i = 0; i < n; ++i) to.set(i, fit.code(e.value(i), high));
}

// Blocks of 256 whose groups have scales from low to high.

template <class Codes>
inline F squared_error(Elements e, int64_t n, F a) {
    F inverse = ratio(broadcast(1), a), total = zero();
    for (int64_t i = 0; i < n; ++i) {
        F error = fnma(a, Codes::nearest(e.value(i) * inverse), e.value(i));
        total = fma(e.weight(i) * error, error, total);
    }
    return total;
}

// The best integer scale of a group for the block's scale d, near a / d.
template <class Codes>
inline F choose_scale(Elements e, int64_t n, F a, F d, int low, int high) {
    F nearest = clamp(round_to_integer(a * ratio(broadcast(1), d)), low, high), best = nearest,
      least = squared_error<Codes>(e, n, d * nearest);
    for (float step : {-1.0f, 1.0f}) {
        F trial = clamp(nearest + broadcast(step), low, high), error = squared_error<Codes>(e, n, d * trial);
        M better = less(error, least);
        best = select(better, trial, best);
        least = select(better, error, least);
    }
    return best;
}

template <class Codes, int group, int low, int high>
inline void quantize_scales(BlockNumbers& to, Elements e) {
    constexpr int groups = 256 / group, repeat = group / 16;
    F a[groups], largest = zero();
    for (int j = 0; j < groups; ++j) {
        a[j] = fit_scale<Codes>(e.from(j * group), group);
        largest = select(less(abs(largest), abs(a[j])), a[j], largest);
    }
    to.d = as_f16(largest * broadcast(1.0f / low));
    for (int round = 0; round < 2; ++round) {
        ScaleSums all{};
        for (int j = 0; j < groups; ++j) {
            F s = choose_scale<Codes>(e.from(j * group), group, a[j], to.d, low, high);
            ScaleSums sums = scale_sums<Codes>(e.from(j * group), group, ratio(broadcast(1), to.d * s));
            all.xq = fma(s, sums.xq, all.xq);
            all.qq = fma(s * s, sums.qq, all.qq);
            for (int k = 0; k < repeat; ++k) to.scale[j * repeat + k] = s;
        }
        if (round == 0) to.d = as_f16(all.best());
    }
    for (int64_t i = 0; i < 256; ++i)
        to.set(i, Codes::nearest(e.value(i) * ratio(broadcast(1), to.d * to.scale[i / 16])));
}

// The same with minima; both from 0 to limit.

template <int high>
inline F squared_error(Elements e, int64_t n, const Affine& fit) {
    F total = zero();
    for (int64_t i = 0; i < n; ++i) {
        F error = fnma(fit.a, fit.code(e.value(i), high), e.value(i) + fit.b);
        total = fma(e.weight(i) * error, error, total);
    }
    return total;
}

// The best integers for scale and minimum of a group, for those of the block.
template <int high>
inline Affine choose_affine(Elements e, int64_t n, const Affine& fit, F d, F m, int limit) {
    Affine nearest{clamp(round_to_integer(fit.a * ratio(broadcast(1), d)), 0, limit),
                   clamp(round_to_integer(fit.b * ratio(broadcast(1), m)), 0, limit)},
        best = nearest;
    F least = squared_error<high>(e, n, {d * nearest.a, m * nearest.b});
    for (float scale : {-1.0f, 0.0f, 1.0f})
        for (float minimum : {-1.0f, 0.0f, 1.0f}) {
            if (scale == 0 && minimum == 0) continue;
            Affine trial{clamp(nearest.a + broadcast(scale), 0, limit),
                         clamp(nearest.b + broadcast(minimum), 0, limit)};
            F error = squared_error<high>(e, n, {d * trial.a, m * trial.b});
            M better = less(error, least);
            best = {select(better, trial.a, best.a), select(better, trial.b, best.b)};
            least = select(better, error, least);
        }
    return best;
}

// d and m for given integers: the sums of x ~ d * (s * q) - m * t over all groups.
struct BlockSums {
    F ss, st, tt, xs, xt;
    void add(const Affine& integers, const AffineSums& group) {
        F s = integers.a, t = integers.b;
        ss = fma(s * s, group.qq, ss);
        st = fma(s * t, group.q, st);
        tt = fma(t * t, group.w, tt);
        xs = fma(s, group.xq, xs);
        xt = fma(t, group.x, xt);
    }
    // `before` where the sums do not determine both.
    Affine best(const Affine& before) const {
        F determinant = fma(ss, tt, zero() - st * st), only_d = select(less(zero(), tt), before.a, ratio(xs, ss));
        M both = less(ss * tt * broadcast(1e-6f), determinant);
        return {select(both, ratio(fma(xs, tt, zero() - xt * st), determinant), only_d),
                select(both, ratio(fma(xs, st, zero() - xt * ss), determinant), before.b)};
    }
};

template <int high, int group, int limit>
inline void quantize_affine(BlockNumbers& to, Elements e) {
    constexpr int groups = 256 / group, repeat = group / 16;
    Affine fit[groups], largest{zero(), zero()};
    for (int j = 0; j < groups; ++j) {
        fit[j] = fit_affine<high>(e.from(j * group), group, false);
        largest = {max(largest.a, fit[j].a), max(largest.b, fit[j].b)};
    }
    to.d = as_f16(largest.a * broadcast(1.0f / limit));
    to.m = as_f16(largest.b * broadcast(1.0f / limit));
    for (int round = 0; round < 2; ++round) {
        BlockSums all{};
        for (int j = 0; j < groups; ++j) {
            Elements of_group = e.from(j * group);
            Affine chosen = choose_affine<high>(of_group, group, fit[j], to.d, to.m, limit),
                   scaled{to.d * chosen.a, to.m * chosen.b};
            AffineSums sums{};
            for (int64_t i = 0; i < group; ++i)
                sums.add(of_group.value(i), of_group.weight(i), scaled.code(of_group.value(i), high));
            all.add(chosen, sums);
            for (int k = 0; k < repeat; ++k) {
                to.scale[j * repeat + k] = chosen.a;
                to.minimum[j * repeat + k] = chosen.b;
            }
        }
        if (round == 0) {
            Affine block = all.best({to.d, to.m});
            to.d = as_f16(max(zero(), block.a));
            to.m = as_f16(max(zero(), block.b));
        }
    }
    for (int64_t i = 0; i < 256; ++i)
        to.set(i, Affine{to.d * to.scale[i / 16], to.m * to.minimum[i / 16]}.code(e.value(i), high));
}

// The rules of the types.

inline void quantize_block(BlockTag<BlockQ8_0>, BlockNumbers& to, Elements e) {
    quantize_one_scale<Integers<-127, 127, 1>>(to, e, 32);
}
inline void quantize_block(BlockTag<BlockQ4_0>, BlockNumbers& to, Elements e) {
    quantize_one_scale<Integers<-8, 7, 12>>(to, e, 32);
}
inline void quantize_block(BlockTag<BlockQ4_1>, BlockNumbers& to, Elements e) { quantize_one_affine<15>(to, e, 32); }
inline void quantize_block(BlockTag<BlockQ5_0>, BlockNumbers& to, Elements e) {
    quantize_one_scale<Integers<-16, 15, 10>>(to, e, 32);
}
inline void quantize_block(BlockTag<BlockQ5_1>, BlockNumbers& to, Elements e) { quantize_one_affine<31>(to, e, 32); }
inline void quantize_block(BlockTag<BlockIQ4_NL>, BlockNumbers& to, Elements e) {
    quantize_one_scale<Iq4Values>(to, e, 32);
}
inline void quantize_block(BlockTag<BlockQ2_K>, BlockNumbers& to, Elements e) { quantize_affine<3, 16, 15>(to, e); }
inline void quantize_block(BlockTag<BlockQ3_K>, BlockNumbers& to, Elements e) {
    quantize_scales<Integers<-4, 3, 12>, 16, -32, 31>(to, e);
}
inline void quantize_block(BlockTag<BlockQ4_K>, BlockNumbers& to, Elements e) { quantize_affine<15, 32, 63>(to, e); }
inline void quantize_block(BlockTag<BlockQ5_K>, BlockNumbers& to, Elements e) { quantize_affine<31, 32, 63>(to, e); }
inline void quantize_block(BlockTag<BlockQ6_K>, BlockNumbers& to, Elements e) {
    quantize_scales<Integers<-32, 31, 8>, 16, -128, 127>(to, e);
}
inline void quantize_block(BlockTag<BlockIQ4_XS>, BlockNumbers& to, Elements e) {
    quantize_scales<Iq4Values, 32, -32, 31>(to, e);
}
