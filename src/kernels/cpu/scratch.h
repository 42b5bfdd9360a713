// kernels/cpu/scratch.h — scratch memory of kernels: one buffer per thread and purpose, reused between calls.
#pragma once
#include <cstddef>
#include <cstdint>

namespace puna::cpu {

enum class Scratch { operand, panel, tile, count };

// n uninitialized floats, 64-byte aligned; valid until the next call by this thread for the same purpose.
float* scratch(Scratch purpose, int64_t n);

}  // namespace puna::cpu
