// kernels/cpu/math.inl — exp and sigmoid of vectors, accurate to about 2 ulp: a power of two times a polynomial.
// Source: Cephes, expf.

inline F exp(F x) {
    F low = broadcast(-87.33654f), clamped = min(broadcast(88.72283f), max(low, x));  // NaN passes through
    F n = round_to_integer(clamped * broadcast(1.44269504f));
    n = min(broadcast(127), n);
    F r = fnma(n, broadcast(0.693359375f), clamped);
    r = fnma(n, broadcast(-2.12194440e-4f), r);
    F p = broadcast(1.9875691500e-4f);
    p = fma(p, r, broadcast(1.3981999507e-3f));
    p = fma(p, r, broadcast(8.3334519073e-3f));
    p = fma(p, r, broadcast(4.1665795894e-2f));
    p = fma(p, r, broadcast(1.6666665459e-1f));
    p = fma(p, r, broadcast(5.0000001201e-1f));
    F value = fma(p, r * r, r) + broadcast(1);
    return zero_if_less(value * power_of_two(n), x, low);
}

inline F sigmoid(F x) { return broadcast(1) / (broadcast(1) + exp(broadcast(0) - x)); }

// A scalar through the vector code, for the same bits.
inline float first_lane(F x) {
    alignas(64) float all[lanes];
    store(all, x);
    return all[0];
}
inline float exp_one(float x) { return first_lane(exp(broadcast(x))); }
