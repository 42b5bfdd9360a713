// tokenizer/bpe_encoder.h — byte-pair encoding of whole texts: splits them into pieces, merges each and caches words.
//
//   BpeEncoder encoder(vocabulary, info(vocabulary.split).split, text.size());
//   std::vector<int32_t> ids = encoder.encode(text);
//
// Used by all kinds of vocabularies. The cache has a fixed size, 4 MiB at most; new words evict older ones; short texts
// use none. One per thread.
#pragma once
#include "tokenizer/merge.h"
#include "tokenizer/split_pattern.h"
#include "tokenizer/vocabulary.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace puna {

class BpeEncoder {
 public:
    // The vocabulary must outlive the encoder. expected_bytes: of all texts; sizes the cache.
    BpeEncoder(const Vocabulary& vocabulary, SplitPieces split, size_t expected_bytes);

    std::vector<int32_t> encode(std::string_view text);

 private:
    static constexpr size_t max_word_bytes = 15;
    static constexpr uint32_t max_ids = 3;
    static constexpr size_t batch = 128;  // pieces

    struct Word {  // up to 15 bytes of text, zero-padded, then the length
        uint64_t low, high;
        bool operator==(const Word&) const = default;
    };
    struct Entry {  // half a cache line
        Word word{};
        std::array<int32_t, max_ids> ids{};
        uint32_t count = 0;  // of ids; more than max_ids: not cached
    };
    struct alignas(64) Set {  // two-way set in one cache line, most recently inserted first
        Entry first, second;
    };
    struct Piece {
        Word word;
        std::string_view text;
        Set* set;  // the word's set; null for pieces that are not cached
    };

    static Word read_word(std::string_view text, size_t at, size_t size);
    size_t split(std::string_view text, size_t& at);
    const Entry& find(const Piece& piece);

    Merger merger_;
    SplitPieces split_;
    std::vector<Set> sets_;  // empty, or a power of two
    int shift_ = 64;
    std::array<size_t, batch> ends_;
    std::array<Piece, batch> pieces_;
    std::vector<int32_t> scratch_;
};

}  // namespace puna
