// data/shuffle.h — a random order of 0 .. n - 1 without a table.
//
//   Permutation order(n, seed, epoch);
//   int64_t row = order(position);               // each of 0 .. n - 1 once, for positions 0 .. n - 1
//
// A Feistel network over the next even power of two; what falls outside n walks on until it is inside. Any n takes the
// same memory, none. Source: Black and Rogaway, "Ciphers with arbitrary finite domains", 2002.
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
    unsigned half_;  // bits of each half
};

}  // namespace puna
