// tokenizer/encoder.h — encodes many texts, with a cache of words and their ids.
//
//   Encoder encoder(tokenizer);                     // one per thread; the tokenizer must outlive it
//   for (const std::string& document : documents) ids.push_back(encoder.encode(document));
//
// The same ids as Tokenizer::encode. The cache has a fixed size; new words evict older ones.
#pragma once
#include "tokenizer/merge.h"
#include "tokenizer/tokenizer.h"

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

class Encoder {
 public:
    explicit Encoder(const Tokenizer& tokenizer,
                     size_t expected_bytes = SIZE_MAX);  // sizes the cache; short texts use none

    std::vector<int32_t> encode(std::string_view text);
    std::vector<int32_t> encode_with_control(std::string_view text);

    // Calls on_span for each added token (including stripped white space) and for the text between two, each with its
    // part of the text. may_be_control: which occurrences of control tokens are accepted.
    using OnSpan = std::function<void(std::span<const int32_t> ids, std::string_view bytes)>;
    void encode_spans(std::string_view text, const MayBeControl& may_be_control, const OnSpan& on_span);

    // Encodes whole files with bounded memory: calls on_ids with some ids at a time and the number of bytes they
    // encode.
    void encode_parts(std::string_view text,
                      const std::function<void(std::span<const int32_t> ids, size_t bytes)>& on_ids);

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

    std::vector<int32_t> encode_spans(std::string_view text, const MayBeControl& may_be_control);
    std::vector<int32_t> encode_between(std::string_view text);  // text without added tokens
    static Word read_word(std::string_view text, size_t at, size_t size);
    size_t split(std::string_view text, size_t& at);
    const Entry& find(const Piece& piece);

    const Tokenizer& tokenizer_;
    Merger merger_;
    std::vector<Set> sets_;  // empty, or a power of two
    int shift_ = 64;
    std::array<Piece, batch> pieces_;
    std::vector<int32_t> scratch_;
};

}  // namespace puna
