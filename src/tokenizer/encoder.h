// tokenizer/encoder.h — encodes text after text, faster the more it has seen: words are remembered with their ids.
//
//   Encoder encoder(tokenizer);                     // one for each thread; the tokenizer must outlive it
//   for (const std::string& document : documents) use(encoder.encode(document));
//
// The same ids as Tokenizer::encode. What is remembered is bounded: a table of fixed size in which words displace
// others.
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
                     size_t expected_bytes = SIZE_MAX);  // little text: a small table, or none

    std::vector<int32_t> encode(std::string_view text);
    std::vector<int32_t> encode_with_control(std::string_view text);

    // Added tokens, alone and with the white space that they strip, and what stands between them, each with its part of
    // the text. may_be_control: where the text may spell control tokens.
    using OnSpan = std::function<void(std::span<const int32_t> ids, std::string_view bytes)>;
    void encode_spans(std::string_view text, const MayBeControl& may_be_control, const OnSpan& on_span);

    // The same ids, some at a time with the number of bytes that they spell, so that neither they nor the memory for
    // them pile up: for whole files.
    void encode_parts(std::string_view text,
                      const std::function<void(std::span<const int32_t> ids, size_t bytes)>& on_ids);

 private:
    static constexpr size_t max_word_bytes = 15;  // bytes
    static constexpr uint32_t max_ids = 3;
    static constexpr size_t batch = 128;  // pieces

    struct Word {  // 15 bytes of text, padded with zeros, then their number
        uint64_t low, high;
        bool operator==(const Word&) const = default;
    };
    struct Entry {  // half a cache line
        Word word{};
        std::array<int32_t, max_ids> ids{};
        uint32_t count = 0;  // of ids; more than max_ids: not remembered
    };
    struct alignas(64) Set {  // a cache line of two words, the one met last first
        Entry first, second;
    };
    struct Piece {
        Word word;
        std::string_view text;
        Set* set;  // where the word belongs; null for pieces that are never remembered
    };

    std::vector<int32_t> encode_spans(std::string_view text, const MayBeControl& may_be_control);
    std::vector<int32_t> encode_between(std::string_view text);  // what stands between added tokens
    static Word read_word(std::string_view text, size_t at, size_t size);
    size_t split(std::string_view text, size_t& at);
    const Entry& find(const Piece& piece);

    const Tokenizer& tokenizer_;
    Merger merger_;
    std::vector<Set> sets_;  // none, or a power of two of them
    int shift_ = 64;
    std::array<Piece, batch> pieces_;
    std::vector<int32_t> scratch_;
};

}  // namespace puna
