// Peak rates of scalar code (see Probes in kernels.h).
#include "kernels/cpu/scalar.h"

namespace puna::scalar {

namespace {

// Independent chains of total += a * b. a is volatile, as the compiler would otherwise multiply only once; the
// reference kernels load their operands too.
template <class Factor, class Sum>
double run_chains(int64_t rounds, Factor value) {
    constexpr int chains = 8;
    Sum total[chains] = {};
    volatile Factor a = value;
    for (int64_t r = 0; r < rounds; ++r) {
        Sum x = static_cast<Sum>(a);
#pragma GCC unroll 8
        for (Sum& sum : total) sum += x * static_cast<Sum>(a);
    }
    for (Sum& sum : total) asm volatile("" : : "m"(sum));
    return 2.0 * static_cast<double>(rounds) * chains;
}

}  // namespace

double probe_f32(int64_t rounds) { return run_chains<float, float>(rounds, 1e-9f); }
double probe_int8(int64_t rounds) { return run_chains<int8_t, int32_t>(rounds, 3); }

float probe_read(const float* values, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += values[i];
    return sum;
}

}  // namespace puna::scalar
