#include "data/shuffle.h"

#include "core/error.h"
#include "core/random.h"

#include <algorithm>
#include <bit>

namespace puna {

namespace {

constexpr uint32_t rounds = 6;
constexpr unsigned min_half_bits = 4;  // a smaller network would mix poorly

}  // namespace

Permutation::Permutation(int64_t n, uint64_t seed, uint64_t epoch)
    : n_(static_cast<uint64_t>(n)), seed_(seed), epoch_(epoch) {
    check(n > 0, "a permutation of {} elements", n);
    half_ = std::max(min_half_bits, (static_cast<unsigned>(std::bit_width(n_ - 1)) + 1) / 2);
}

int64_t Permutation::operator()(int64_t position) const {
    uint64_t value = static_cast<uint64_t>(position);
    check(value < n_, "position {} of {}", position, n_);
    do value = step(value);
    while (value >= n_);
    return static_cast<int64_t>(value);
}

uint64_t Permutation::step(uint64_t value) const {
    uint64_t mask = (uint64_t{1} << half_) - 1, left = value >> half_, right = value & mask;
    for (uint32_t round = 0; round < rounds; ++round) {
        auto random = philox(
            {static_cast<uint32_t>(right), round, static_cast<uint32_t>(epoch_), static_cast<uint32_t>(epoch_ >> 32)},
            {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
        uint64_t mixed = (left ^ random[0]) & mask;
        left = right;
        right = mixed;
    }
    return left << half_ | right;
}

}  // namespace puna
