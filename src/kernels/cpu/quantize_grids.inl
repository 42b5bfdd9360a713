// kernels/cpu/quantize_grids.inl — the block types of IQ2 and IQ3: the magnitudes of neighbors are a point of a grid.
// What quantize.inl does by rounding is a search here: of all points g the one with the least sum of w * (v - a * g)^2,
// v the magnitudes, that is with the greatest sum of w * a * g * (2 * v - a * g).

// Where a type stores seven of eight signs, their number must be even, and an element may get the wrong one: then its v
// is negative.

struct Iq2Levels {
    static constexpr int dimensions = 8, count = 3;
    static constexpr uint8_t values[count] = {8, 25, 43};
};
struct Iq3XxsLevels {
    static constexpr int dimensions = 4, count = 8;
    static constexpr uint8_t values[count] = {4, 12, 20, 28, 36, 44, 52, 62};
};
struct Iq3SLevels {
    static constexpr int dimensions = 4, count = 8;
    static constexpr uint8_t values[count] = {1, 3, 5, 7, 9, 11, 13, 15};
};

constexpr int power(int base, int exponent) { return exponent == 0 ? 1 : base * power(base, exponent - 1); }

// What half of the coordinates add to the sum, for each of their combinations of levels, the first one lowest.
template <class Levels>
inline void sum_half(float* sums, Elements e, F a) {
    store(sums, zero());
    for (int i = Levels::dimensions / 2, n = 1; i-- > 0; n *= Levels::count) {
        float larger[power(Levels::count, Levels::dimensions / 2) * lanes];
        for (int l = 0; l < Levels::count; ++l) {
            F value = a * broadcast(Levels::values[l]), gain = e.weight(i) * value * (e.value(i) + e.value(i) - value);
            for (int k = 0; k < n; ++k) store(larger + (k * Levels::count + l) * lanes, load(sums + k * lanes) + gain);
        }
        std::copy_n(larger, n * Levels::count * lanes, sums);
    }
}

// The index of the best point and its sum.
struct Found {
    F index, sum;
};
template <class Levels>
inline Found search_grid(const Grid& grid, Elements e, F a) {
    constexpr int half = Levels::dimensions / 2, combinations = power(Levels::count, half);
    alignas(64) float low[combinations * lanes], high[combinations * lanes];
    sum_half<Levels>(low, e, a);
    sum_half<Levels>(high, e.from(half), a);
    Found best{zero(), broadcast(-std::numeric_limits<float>::max())};
    F index = zero();
    for (int key : grid.keys()) {
        F sum = load(low + key % combinations * lanes) + load(high + key / combinations * lanes);
        best.index = select(less(best.sum, sum), index, best.index);
        best.sum = max(sum, best.sum);
        index = index + broadcast(1);
    }
    return best;
}

// A group of elements with one scale.
template <class Levels, int n>
struct GridGroup {
    static constexpr int points = n / Levels::dimensions;
    F index[points], sum;

    void search(const Grid& grid, Elements e, F a) {
        sum = zero();
        for (int p = 0; p < points; ++p) {
            Found found = search_grid<Levels>(grid, e.from(p * Levels::dimensions), a);
            index[p] = found.index;
            sum = sum + found.sum;
        }
    }
    // f(i, magnitude) for all elements.
    template <class Each>
    void for_each_magnitude(const Grid& grid, Each f) const {
        constexpr int words = Levels::dimensions / 4;
        for (int p = 0; p < points; ++p)
            for (int word = 0; word < words; ++word) {
                I four = gather<words>(grid.words() + word, to_integers(index[p]));
                static_for<4>([&](auto i) {
                    f(p * Levels::dimensions + 4 * word + i, byte_to_floats<value_of<decltype(i)>>(four));
                });
            }
    }
    ScaleSums sums(const Grid& grid, Elements e) const {
        ScaleSums sums{};
        for_each_magnitude(grid, [&](int i, F magnitude) { sums.add(e.value(i), e.weight(i), magnitude); });
        return sums;
    }
};

template <class Levels, int n>
inline F fit_grid_scale(const Grid& grid, Elements e) {
    constexpr float end = Levels::values[Levels::count - 1];
    F unit = abs(largest_element(e, n)) * broadcast(1 / end), scale = zero(), explained = zero();
    auto try_scale = [&](F trial) {
        GridGroup<Levels, n> group;
        group.search(grid, e, trial);
        ScaleSums sums = group.sums(grid, e);
        M better = less(explained, sums.explained());
        explained = select(better, sums.explained(), explained);
        scale = select(better, sums.best(), scale);
    };
    for (float part : {0.7f, 0.8f, 0.9f, 1.0f, 1.15f}) try_scale(unit * broadcast(part));
    for (int i = 0; i < 2; ++i) try_scale(scale);
    return scale;
}

// The best odd number for a group's scale with the block's scale d, near a / d.
template <class Levels, int n>
inline F choose_odd_scale(const Grid& grid, Elements e, F a, F d) {
    F nearest = clamp(round_to_integer((a * ratio(broadcast(1), d) - broadcast(1)) * broadcast(0.5f)), 0, 15),
      best = zero(), most = broadcast(-std::numeric_limits<float>::max());
    for (float step : {0.0f, -1.0f, 1.0f}) {
        F trial = clamp(nearest + broadcast(step), 0, 15), odd = trial + trial + broadcast(1);
        GridGroup<Levels, n> group;
        group.search(grid, e, d * odd);
        M better = less(most, group.sum);
        best = select(better, odd, best);
        most = select(better, group.sum, most);
    }
    return best;
}

// x to its magnitudes; the signs to `signs`, as 1 and -1. With `even`, the number of negative ones in eight is even.
inline void split_signs(float* x, float* signs, const float* w, bool even) {
    for (int64_t first = 0; first < 256; first += 8) {
        F product = broadcast(1), cheapest = broadcast(std::numeric_limits<float>::max()), place = zero();
        for (int64_t i = first; i < first + 8; ++i) {
            F value = load(x + i * lanes), sign = select(less(value, zero()), broadcast(-1), broadcast(1)),
              cost = abs(value) * load(w + i * lanes);
            product = product * sign;
            place = select(less(cost, cheapest), broadcast(static_cast<float>(i)), place);
            cheapest = min(cost, cheapest);
            store(x + i * lanes, abs(value));
            store(signs + i * lanes, sign);
        }
        for (int64_t i = first; i < first + 8 && even; ++i) {
            F factor =
                select(less(abs(place - broadcast(static_cast<float>(i))), broadcast(0.5f)), product, broadcast(1));
            store(x + i * lanes, load(x + i * lanes) * factor);
            store(signs + i * lanes, load(signs + i * lanes) * factor);
        }
    }
}

// unit: what the block's f16 is multiplied with.
template <class Levels, int group>
inline void quantize_grid(BlockNumbers& to, Elements e, const Grid& grid, bool even_signs, float unit) {
    constexpr int groups = 256 / group, repeat = group / 16;
    alignas(64) float magnitudes[256 * lanes], signs[256 * lanes];
    std::copy_n(e.x, 256 * lanes, magnitudes);
    split_signs(magnitudes, signs, e.w, even_signs);
    e.x = magnitudes;
    auto stored = [unit](F d) { return as_f16(d * broadcast(1 / unit)) * broadcast(unit); };
    F a[groups], largest = zero();
    for (int j = 0; j < groups; ++j) {
        a[j] = fit_grid_scale<Levels, group>(grid, e.from(j * group));
        largest = max(largest, a[j]);
    }
    to.d = stored(largest * broadcast(1.0f / 31));
    ScaleSums all{};
    for (int j = 0; j < groups; ++j) {
        F s = choose_odd_scale<Levels, group>(grid, e.from(j * group), a[j], to.d);
        GridGroup<Levels, group> chosen;
        chosen.search(grid, e.from(j * group), to.d * s);
        ScaleSums sums = chosen.sums(grid, e.from(j * group));
        all.xq = fma(s, sums.xq, all.xq);
        all.qq = fma(s * s, sums.qq, all.qq);
        for (int k = 0; k < repeat; ++k) to.scale[j * repeat + k] = s;
    }
    to.d = stored(all.best());
    for (int j = 0; j < groups; ++j) {
        GridGroup<Levels, group> last;
        last.search(grid, e.from(j * group), to.d * to.scale[j * repeat]);
        last.for_each_magnitude(grid, [&](int i, F magnitude) {
            to.set(j * group + i, magnitude * load(signs + (j * group + i) * lanes));
        });
    }
}

inline void quantize_block(BlockTag<BlockIQ2_XXS>, BlockNumbers& to, Elements e) {
    quantize_grid<Iq2Levels, 32>(to, e, iq2_xxs_grid(), true, 0.125f);
}
inline void quantize_block(BlockTag<BlockIQ2_XS>, BlockNumbers& to, Elements e) {
    quantize_grid<Iq2Levels, 16>(to, e, iq2_xs_grid(), true, 0.125f);
}
inline void quantize_block(BlockTag<BlockIQ2_S>, BlockNumbers& to, Elements e) {
    quantize_grid<Iq2Levels, 16>(to, e, iq2_s_grid(), false, 0.125f);
}
inline void quantize_block(BlockTag<BlockIQ3_XXS>, BlockNumbers& to, Elements e) {
    quantize_grid<Iq3XxsLevels, 32>(to, e, iq3_xxs_grid(), true, 0.25f);
}
inline void quantize_block(BlockTag<BlockIQ3_S>, BlockNumbers& to, Elements e) {
    quantize_grid<Iq3SLevels, 32>(to, e, iq3_s_grid(), false, 1);
}
