// kernels/probe.h — what this processor can do at most: loops that do nothing but multiply, or read.
//
//   double operations = probe_operations(Probe::bf16, 1'000'000);      // on this thread; time it from outside
//
// Each uses the widest instructions that the machine has for its type; 0 where it has none.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace puna {

enum class Probe : uint8_t { f32, bf16, int8 };

double probe_operations(Probe probe, int64_t rounds);  // runs, and says how many multiplications and additions
float probe_read(std::span<const float> numbers);      // reads all of them; the result is of no use

}  // namespace puna
