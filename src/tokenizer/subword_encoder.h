// tokenizer/subword_encoder.h — what differs between kinds of vocabularies: how text becomes ids.
//
//   std::unique_ptr<SubwordEncoder> encoder = kind_of(vocabulary).make(vocabulary, text.size());
//   std::vector<int32_t> ids = encoder->encode(text, Preceding::nothing);
//
// Added tokens, control tokens and decoding (Vocabulary::bytes) are the same for all kinds: use an Encoder
// (tokenizer/encoder.h). A kind is a file with its encoder and a row of the table in subword_encoder.cpp.
#pragma once
#include "tokenizer/vocabulary.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace puna {

// What stands before a text, or before what is decoded: some kinds put a space between, and drop it again.
enum class Preceding : uint8_t { nothing, added_token, text };

// One per thread: it may cache.
class SubwordEncoder {
 public:
    virtual ~SubwordEncoder() = default;

    // text: without added tokens.
    virtual std::vector<int32_t> encode(std::string_view text, Preceding preceding) = 0;
};

struct SubwordKind {
    VocabularyKind kind;
    std::string_view name;  // "byte-level BPE"
    // Computes what the encoder needs; throws Error if the vocabulary lacks something.
    void (*prepare)(Vocabulary& vocabulary, std::string_view source);
    SafeCut (*safe_cut)(const Vocabulary& vocabulary);
    // The vocabulary must outlive the encoder. expected_bytes: of all texts; sizes the cache.
    std::unique_ptr<SubwordEncoder> (*make)(const Vocabulary& vocabulary, size_t expected_bytes);
};

const SubwordKind& kind_of(const Vocabulary& vocabulary);
std::string_view split_name(
    const Vocabulary& vocabulary);  // the split pattern's; "none" if a text is merged as a whole

}  // namespace puna
