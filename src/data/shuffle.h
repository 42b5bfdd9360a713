// data/shuffle.h — a random permutation of 0 .. n - 1 in constant memory.
//
//   Permutation order(n, seed, epoch);
//   int64_t row = order(position);               // positions 0 .. n - 1 map to 0 .. n - 1, one to one
//
// A Feistel network over the next even power of two, with cycle walking for values >= n. Source: Black and Rogaway,
// "Ciphers with arbitrary finite domains", 2002.
#pragma once
#include <cstdint>

namespace puna {

class Permutation {
 public:
    Permutation(int64_t n, uint64_t seed, uint64_t epoch);

    int64_t operator()(int64_t position) const;

 private:
    uint64_t step(uint64_t value) const;

    uint64_t n_, seed_, epoch_;
    unsigned half_;  // bits per half
};

}  // namespace puna
