// tokenizer/merge.h — byte-pair encoding of one piece.
//
//   Merger merger(vocabulary);
//   merger.append(ids, " tokenizer");               // appends its ids
//
// It begins with the piece's bytes, or for SentencePiece with its characters, and merges two adjacent symbols until
// none has a rank: that of the pair, if the vocabulary lists merges; else that of the token which both form.
// SentencePiece's user-defined tokens are never merged, its unused ones are taken apart again, and characters without a
// token become tokens of their bytes. Source: sentencepiece, src/bpe_model.cc.
//
// O(n log n) for a piece of n bytes. Reuses its buffers: one per thread. Throws Error for pieces of 4 GiB or more.
#pragma once
#include "tokenizer/vocabulary.h"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace puna {

class Merger {
 public:
    explicit Merger(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}  // must outlive the merger

    void append(std::vector<int32_t>& ids, std::string_view piece);

 private:
    struct Part {  // a symbol, indexed by its first byte: a doubly linked list
        uint32_t next, before;
        int32_t id;    // no_token, or with the bit `frozen`: user-defined
        int32_t rank;  // rank of merging it with the next part; `never` if they do not merge
    };
    static constexpr int32_t never = 0x7fffffff, no_token = -1, frozen = 1 << 30;
    static constexpr uint32_t none = 0xffffffff;
    static constexpr size_t max_scanned = 40;  // longer pieces use the heap

    void split_bytes(std::string_view piece);
    void split_characters(std::string_view piece);
    std::string_view bytes_at(uint32_t at, std::string_view piece) const;
    std::string_view joined(uint32_t at, std::string_view piece) const;
    int32_t merge_rank(uint32_t at, std::string_view piece);
    int32_t token_rank(uint32_t at, std::string_view piece);
    void merge(uint32_t at, std::string_view piece);
    void merge_by_scanning(std::string_view piece);
    void merge_by_heap(std::string_view piece);
    void append_ids(std::vector<int32_t>& ids, std::string_view bytes, int32_t id) const;
    void append_unknown(std::vector<int32_t>& ids, std::string_view bytes) const;

    const Vocabulary& vocabulary_;
    std::vector<Part> parts_;
    std::vector<uint64_t> heap_;  // rank of a merge, then its position: lowest rank first, then leftmost
    std::unordered_map<int32_t, uint32_t> unused_;  // of those seen in this piece: the bytes of the left half
};

}  // namespace puna
