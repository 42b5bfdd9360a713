// kernels/cuda/launch.h — what the CUDA sources offer to C++: each function queues work on a stream and returns. Seen
// by nvcc, so C++17 and no types of ours.
#pragma once
#include <cstddef>
#include <cstdint>

namespace puna::cuda {

bool has_device();

// The reason of the last failure, or null. Failures of queued work show at synchronize.
const char* last_error();

void* allocate(size_t bytes);  // null when there is no memory left
void release(void* pointer);
void copy(void* stream, void* to, const void* from, size_t bytes);
void zero(void* stream, void* x, size_t bytes);
void synchronize(void* stream);

// As Kernels::rms_norm. out, x: [rows, columns]; scale: [rows]; w: [columns]
void rms_norm(void* stream, float* out, float* scale, const float* x, const float* w, int64_t rows, int64_t columns,
              float epsilon);

}  // namespace puna::cuda
