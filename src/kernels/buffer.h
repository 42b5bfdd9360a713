// kernels/buffer.h — one allocation in the memory of a kernel table.
//
//   Buffer weights(kernels, bytes);                     // uninitialized; throws Error of the kind out_of_memory
//   Tensor w(weights.data(), Dtype::bf16, {rows, columns});
//
// The host reads and writes it only through kernels.copy, or HostCopy (kernels/host_copy.h).
#pragma once
#include "kernels/kernels.h"

#include <cstdint>
#include <memory>

namespace puna {

class Buffer {
 public:
    Buffer() = default;
    Buffer(const Kernels& kernels, int64_t bytes)
        : memory_(kernels.memory.allocate(static_cast<size_t>(bytes)), kernels.memory.release) {}

    std::byte* data() const { return static_cast<std::byte*>(memory_.get()); }
    explicit operator bool() const { return memory_ != nullptr; }

 private:
    std::unique_ptr<void, void (*)(void*)> memory_{nullptr, nullptr};
};

}  // namespace puna
