// kernels/cpu/scratch.h — memory that a kernel needs while it runs: one buffer for each thread and purpose, kept.
#pragma once
#include "core/arena.h"

#include <cstddef>
#include <cstdint>

namespace puna::cpu {

enum class Scratch { operand, panel, tile, count };

// n numbers of 32 bits, 64-byte aligned; valid until this thread asks for the same purpose again.
float* scratch(Scratch purpose, int64_t n);

}  // namespace puna::cpu
