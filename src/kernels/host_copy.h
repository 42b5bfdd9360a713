// kernels/host_copy.h — a tensor on the host: the tensor itself where the host can access the memory of its kernels,
// otherwise a copy.
//
//   HostCopy logits(kernels, stream, x);
//   std::span<float> values = logits.download().span<float>();     // after the work that is queued in the stream
//
//   HostCopy weights(kernels, stream, w);
//   fill(weights.tensor());
//   weights.upload();
#pragma once
#include "core/aligned_memory.h"
#include "kernels/kernels.h"

namespace puna {

class HostCopy {
 public:
    // Nothing is copied yet: the contents of a copy are undefined before download.
    HostCopy(const Kernels& kernels, Stream stream, Tensor x)
        : kernels_(kernels), stream_(stream), device_(x), host_(x) {
        if (kernels.memory.host_access) return;
        copy_ = allocate_aligned(static_cast<size_t>(x.bytes()));
        host_.data = copy_.get();
    }

    Tensor tensor() const { return host_; }
    Tensor download() {
        if (copy_) kernels_.copy(stream_, host_.data, device_.data, static_cast<size_t>(device_.bytes()));
        kernels_.synchronize(stream_);
        return host_;
    }
    void upload() {
        if (copy_) kernels_.copy(stream_, device_.data, host_.data, static_cast<size_t>(device_.bytes()));
        kernels_.synchronize(stream_);
    }

 private:
    const Kernels& kernels_;
    Stream stream_;
    Tensor device_, host_;
    AlignedBytes copy_;
};

}  // namespace puna
