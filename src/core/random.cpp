#include "core/random.h"

#include "core/math.h"

#include <cmath>

namespace puna {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
        c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(b),
             static_cast<uint32_t>(a >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(a)};
        key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
    }
    return c;
}

uint32_t Random::bits() {
    if (used_ == 4) {
        values_ = philox({static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32),
                          static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                         {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
        ++block_;
        used_ = 0;
    }
    return values_[static_cast<size_t>(used_++)];
}

float Random::normal() {
    double u = (static_cast<double>(bits()) + 0.5) * 0x1p-32, v = static_cast<double>(bits()) * 0x1p-32;
    return static_cast<float>(std::sqrt(-2 * exact::log(u)) * exact::cos(v * 6.283185307179586));
}

uint64_t Random::below(uint64_t n) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // the largest multiple of n that fits
    for (;;) {
        uint64_t high = bits(), low = bits();  // two statements in order: operands of one expression are unsequenced
        uint64_t value = high << 32 | low;
        if (value < limit) return value % n;
    }
}

}  // namespace puna
