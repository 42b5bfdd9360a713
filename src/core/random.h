// core/random.h — counter-based random number generator: value n of a stream depends on (seed, stream, n) only.
//
//   Random random(seed, /*stream*/ 7);
//   float u = random.uniform();                // [0, 1), 24 bits
//   float z = random.normal();                 // mean 0, standard deviation 1
//   random.seek(1000);                         // to block 1000, of four values each
//
// Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Bit-identical on every machine.
#pragma once
#include <array>
#include <cstdint>

namespace puna {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

class Random {
 public:
    explicit Random(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

    uint32_t bits();
    float uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24f; }
    float normal();              // Box-Muller transform
    uint64_t below(uint64_t n);  // 0 .. n - 1, unbiased; n > 0
    void seek(uint64_t block) {
        block_ = block;
        used_ = 4;
    }

 private:
    uint64_t seed_, stream_, block_ = 0;
    std::array<uint32_t, 4> values_{};
    int used_ = 4;
};

}  // namespace puna
