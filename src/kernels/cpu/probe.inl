// kernels/cpu/probe.inl — microbenchmarks: independent chains of one instruction in registers. The empty asm keeps the
// compiler from merging identical chains.

constexpr int chains = lanes == 16 ? 24 : 12;

template <class Step>
inline void run_chains(int64_t rounds, Step step) {
    F total[chains];
#pragma GCC unroll 24
    for (int i = 0; i < chains; ++i) {
        total[i] = broadcast(0);
        asm volatile("" : "+v"(total[i]));
    }
    for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 24
        for (int i = 0; i < chains; ++i) total[i] = step(total[i]);
#pragma GCC unroll 24
    for (int i = 0; i < chains; ++i) asm volatile("" : : "v"(total[i]));
}

inline double probe_f32(int64_t rounds) {
    F a = broadcast(1e-9f), b = broadcast(1e-9f);
    asm volatile("" : "+v"(a), "+v"(b));
    run_chains(rounds, [=](F total) { return fma(a, b, total); });
    return 2.0 * static_cast<double>(rounds) * chains * lanes;
}

inline float probe_read(const float* p, int64_t n) {
    F total[8];
    for (F& t : total) t = broadcast(0);
    int64_t i = 0;
    for (; i + 8 * lanes <= n; i += 8 * lanes)
#pragma GCC unroll 8
        for (int j = 0; j < 8; ++j) total[j] = total[j] + load(p + i + j * lanes);
    float result = 0;
    for (F t : total) result += reduce_add(t);
    return result;
}
