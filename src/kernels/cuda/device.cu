#include "kernels/cuda/launch.h"

namespace puna::cuda {

bool has_device() {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

const char* last_error() {
    cudaError_t problem = cudaGetLastError();
    return problem == cudaSuccess ? nullptr : cudaGetErrorString(problem);
}

void* allocate(size_t bytes) {
    void* pointer = nullptr;
    return cudaMalloc(&pointer, bytes) == cudaSuccess ? pointer : nullptr;
}

void release(void* pointer) { cudaFree(pointer); }

void copy(void* stream, void* to, const void* from, size_t bytes) {
    cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, static_cast<cudaStream_t>(stream));
}

void zero(void* stream, void* x, size_t bytes) { cudaMemsetAsync(x, 0, bytes, static_cast<cudaStream_t>(stream)); }

void synchronize(void* stream) { cudaStreamSynchronize(static_cast<cudaStream_t>(stream)); }

}  // namespace puna::cuda
