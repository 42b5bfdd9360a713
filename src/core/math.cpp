#include "core/math.h"

#include <bit>
#include <cstdint>
#include <limits>

namespace puna::exact {

namespace {

// 2^n for -1022 <= n <= 1023.
double power_of_two(int n) { return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52); }

double nearest(double x) { return x + 0x1.8p52 - 0x1.8p52; }  // to an integer, ties to even; |x| < 2^51

// Taylor polynomials on [-pi/4, pi/4]: the first omitted term is below 1e-17.
double sin_small(double x) {
    double y = x * x, sum = 0;
    for (int n = 17; n >= 3; n -= 2) sum = (1 + sum) * (-y / (n * (n - 1)));
    return x + x * sum;
}

double cos_small(double x) {
    double y = x * x, sum = 0;
    for (int n = 18; n >= 2; n -= 2) sum = (1 + sum) * (-y / (n * (n - 1)));
    return 1 + sum;
}

struct Reduced {
    double x;
    int quadrant;
};

Reduced reduce(double x) {
    constexpr double largest = 0x1p52;  // beyond it no digit of the angle is left
    if (!(x > -largest && x < largest)) return {x - x, 0};
    double n = nearest(x * 0.63661977236758138);  // 2 / pi
    x -= n * 0x1.921fb54400000p+0;                // pi / 2 in two parts, the first with 31 bits,
    x -= n * 0x1.0b4611a626331p-34;               // so that n times it is exact
    return {x, static_cast<int>(static_cast<int64_t>(n) & 3)};
}

}  // namespace

double exp(double x) {
    if (x != x) return x;
    if (x > 709.7) return std::numeric_limits<double>::infinity();
    if (x < -708.3) return 0;
    double n = nearest(x * 1.4426950408889634);
    double r = x - n * 0x1.62e42fefa0000p-1;  // ln 2 in two parts, as above
    r -= n * 0x1.cf79abc9e3b3ap-40;
    double sum = 0;
    for (int k = 14; k >= 1; --k) sum = (1 + sum) * (r / k);
    return (1 + sum) * power_of_two(static_cast<int>(n));
}

double log(double x) {
    if (!(x > 0) || x > std::numeric_limits<double>::max())
        return x == 0 ? -std::numeric_limits<double>::infinity() : x > 0 ? x : std::numeric_limits<double>::quiet_NaN();
    uint64_t bits = std::bit_cast<uint64_t>(x);
    int shift = 0;
    if (bits >> 52 == 0) {  // below the smallest normal number
        bits = std::bit_cast<uint64_t>(x * 0x1p54);
        shift = -54;
    }
    uint64_t moved = bits - 0x3fe6a09e667f3bcd;  // the bits of sqrt(1/2): mantissa in [0.707, 1.414)
    int exponent = static_cast<int>(static_cast<int64_t>(moved) >> 52);
    double m = std::bit_cast<double>(bits - (static_cast<uint64_t>(exponent) << 52));
    double s = (m - 1) / (m + 1), y = s * s, sum = 0;
    for (int k = 25; k >= 3; k -= 2) sum = (sum + 1.0 / k) * y;
    double n = exponent + shift;
    return n * 0x1.62e42fefa0000p-1 + (2 * s * (1 + sum) + n * 0x1.cf79abc9e3b3ap-40);
}

double sin(double x) {
    Reduced r = reduce(x);
    double value = r.quadrant & 1 ? cos_small(r.x) : sin_small(r.x);
    return r.quadrant & 2 ? -value : value;
}

double cos(double x) {
    Reduced r = reduce(x);
    double value = r.quadrant & 1 ? sin_small(r.x) : cos_small(r.x);
    return ((r.quadrant + 1) & 2) ? -value : value;
}

}  // namespace puna::exact
