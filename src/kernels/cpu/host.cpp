#include "core/aligned_memory.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/tables.h"

#include <array>
#include <cstring>

namespace puna::cpu {

void* allocate(size_t bytes) { return allocate_aligned(bytes).release(); }
void release(void* pointer) { FreeDeleter{}(pointer); }
void copy(Stream, void* to, const void* from, size_t bytes) { std::memmove(to, from, bytes); }
void zero(Stream, Tensor x) { std::memset(x.data, 0, static_cast<size_t>(x.bytes())); }
void synchronize(Stream) {}

float* scratch(Scratch purpose, int64_t n) {
    struct Buffer {
        AlignedBytes bytes;
        size_t size = 0;
    };
    thread_local std::array<Buffer, static_cast<size_t>(Scratch::count)> buffers;
    Buffer& buffer = buffers[static_cast<size_t>(purpose)];
    size_t bytes = static_cast<size_t>(n) * sizeof(float);
    if (bytes > buffer.size) buffer = {allocate_aligned(bytes + bytes / 4), bytes + bytes / 4};
    return reinterpret_cast<float*>(buffer.bytes.get());
}

}  // namespace puna::cpu
