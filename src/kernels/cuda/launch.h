// kernels/cuda/launch.h — the interface of the CUDA sources: each function queues work on a stream and returns.
// Compiled by nvcc too, so it is C++17 without our own types.
#pragma once
#include <cstddef>
#include <cstdint>

namespace puna::cuda {

bool has_device();

// The message of the last error, or null. Errors of queued work appear at synchronize.
const char* last_error();

void* allocate(size_t bytes);  // null when out of memory
void release(void* pointer);
void copy(void* stream, void* to, const void* from, size_t bytes);
void zero(void* stream, void* x, size_t bytes);
void synchronize(void* stream);

// See Kernels::rms_norm. out, x: [rows, columns]; scale: [rows]; w: [columns]
void rms_norm(void* stream, float* out, float* scale, const float* x, const float* w, int64_t rows, int64_t columns,
              float epsilon);

}  // namespace puna::cuda
