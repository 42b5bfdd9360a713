// tokenizer/merge.h — byte-pair encoding of one piece: its bytes, joined pair by pair.
//
//   Merger merger(vocabulary);
//   merger.append(ids, " tokenizer");               // adds its ids
//
// A piece of n bytes takes n log n steps at most. Keeps memory for the longest piece that it met; one for each thread.
#pragma once
#include "tokenizer/vocabulary.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace puna {

class Merger {
 public:
    explicit Merger(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}  // of a Tokenizer that outlives it

    void append(std::vector<int32_t>& ids, std::string_view piece);

 private:
    struct Part {  // of a piece, at the place of its first byte: a linked list
        uint32_t next, before;
        int32_t id;
        int32_t order;  // of the join with the part after it; `never` if there is none
    };
    static constexpr int32_t never = 0x7fffffff;
    static constexpr uint32_t none = 0xffffffff;
    static constexpr size_t max_scanned = 40;  // longer pieces use the heap

    void split_bytes(std::string_view piece);
    std::string_view joined(uint32_t at, std::string_view piece) const;
    int32_t order_of_join(uint32_t at, std::string_view piece) const;
    void join(uint32_t at, std::string_view piece);
    void join_by_scanning(std::string_view piece);
    void join_by_heap(std::string_view piece);

    const Vocabulary& vocabulary_;
    std::vector<Part> parts_;
    std::vector<uint64_t> heap_;  // order of a join, then its place: the lowest first, leftmost first
};

}  // namespace puna
