#include "nn/cache.h"

#include "core/checked.h"

#include <limits>
#include <numeric>

namespace puna {

std::vector<int32_t> consecutive_pages(int64_t first, int64_t tokens) {
    std::vector<int32_t> pages(static_cast<size_t>(pages_for(tokens)));
    std::iota(pages.begin(), pages.end(), static_cast<int32_t>(first));
    return pages;
}

int64_t page_bytes_of(const Kernels& kernels, int64_t layers, AttentionShape shape, Dtype dtype) {
    return layers * kernels.page_bytes(shape, dtype);
}

namespace {

int64_t cache_bytes(int64_t layers, int64_t pages, int64_t page_bytes) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();  // numbers of pages are of 32 bits
    std::optional<int64_t> bytes;
    if (pages <= most) bytes = checked_multiply(layers * pages, page_bytes);
    if (!bytes) fail(ErrorKind::too_large, "a KV cache of {} pages of {} tokens is too large", pages, page_tokens);
    return *bytes;
}

Buffer allocate_cache(const Kernels& kernels, int64_t bytes) {
    try {
        return Buffer(kernels, bytes);
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::out_of_memory) throw;
        fail(ErrorKind::out_of_memory, "{} for the KV cache", problem.what());
    }
}

}  // namespace

KvCache::KvCache(const Kernels& kernels, int64_t layers, int64_t pages, AttentionShape shape, Dtype dtype)
    : kernels_(&kernels),
      layers_(layers),
      pages_(pages),
      page_bytes_(kernels.page_bytes(shape, dtype)),
      dtype_(dtype),
      memory_(allocate_cache(kernels, cache_bytes(layers, pages, page_bytes_))) {}

KvPages KvCache::layer(int64_t i) const {
    check(i >= 0 && i < layers_, "KV cache: layer {} of {}", i, layers_);
    return {memory_.data() + i * pages_ * page_bytes_, page_bytes_, dtype_};
}

void KvCache::fill(int32_t page, std::byte value) {
    std::vector<std::byte> bytes(static_cast<size_t>(page_bytes_), value);
    for (int64_t i = 0; i < layers_; ++i)
        kernels_->copy({}, layer(i).data + page * page_bytes_, bytes.data(), bytes.size());
    kernels_->synchronize({});
}

}  // namespace puna
