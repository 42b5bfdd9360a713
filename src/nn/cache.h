// nn/cache.h — KV cache: a pool of pages, each with the keys and values of 64 tokens in every layer.
//
//   KvCache cache(kernels, layers, pages_for(1000), shape, Dtype::bf16);
//   Sequence sequence{.first = 0, .n = 40, .past = 960, .pages = consecutive_pages(0, 1000)};
//
// Attention appends to the pages of a sequence and attends there. Who owns which page, and how many of its tokens are
// valid, is decided by the owner of the sequences (Sequence::past).
#pragma once
#include "kernels/buffer.h"

#include <cstdint>
#include <vector>

namespace puna {

// The pages of `tokens` tokens, from page `first` on.
std::vector<int32_t> consecutive_pages(int64_t first, int64_t tokens);

// Bytes of a page in all layers. shape: of this rank. dtype: f32 or bf16.
int64_t page_bytes_of(const Kernels& kernels, int64_t layers, AttentionShape shape, Dtype dtype);

class KvCache {
 public:
    // Throws Error of the kinds too_large and out_of_memory.
    KvCache(const Kernels& kernels, int64_t layers, int64_t pages, AttentionShape shape, Dtype dtype = Dtype::f32);

    int64_t pages() const { return pages_; }
    KvPages layer(int64_t i) const;
    // Sets all bytes: for tests to 0xff, which is NaN in both dtypes, so that reading what was not written is noticed.
    void fill(int32_t page, std::byte value);

 private:
    const Kernels* kernels_;
    int64_t layers_, pages_, page_bytes_;
    Dtype dtype_;
    Buffer memory_;
};

}  // namespace puna
