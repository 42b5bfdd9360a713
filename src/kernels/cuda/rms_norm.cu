// One block per row: threads sum squares over columns, then warps by shuffles, then the block through shared memory.
#include "kernels/cuda/launch.h"

namespace puna::cuda {

namespace {

constexpr int threads = 256, warp = 32;

__device__ float sum_over_warp(float x) {
    for (int distance = warp / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffff, x, distance);
    return x;
}

__global__ void rms_norm_rows(float* out, float* scale, const float* x, const float* w, int64_t columns,
                              float epsilon) {
    __shared__ float parts[threads / warp];
    const float* row = x + blockIdx.x * columns;
    float squares = 0;
    for (int64_t d = threadIdx.x; d < columns; d += threads) squares += row[d] * row[d];
    squares = sum_over_warp(squares);
    if (threadIdx.x % warp == 0) parts[threadIdx.x / warp] = squares;
    __syncthreads();
    float total = 0;
    for (float part : parts) total += part;  // in the same order in every thread
    float s = 1 / sqrtf(total / static_cast<float>(columns) + epsilon);
    for (int64_t d = threadIdx.x; d < columns; d += threads) out[blockIdx.x * columns + d] = row[d] * s * w[d];
    if (threadIdx.x == 0) scale[blockIdx.x] = s;
}

}  // namespace

void rms_norm(void* stream, float* out, float* scale, const float* x, const float* w, int64_t rows, int64_t columns,
              float epsilon) {
    if (rows == 0) return;
    rms_norm_rows<<<static_cast<unsigned>(rows), threads, 0, static_cast<cudaStream_t>(stream)>>>(out, scale, x, w,
                                                                                                  columns, epsilon);
}

}  // namespace puna::cuda
