// tokenizer/subword_encoder.h — what differs between kinds of vocabularies: how text becomes ids.
//
//   std::unique_ptr<SubwordEncoder> encoder = kind_of(vocabulary).make(vocabulary, text.size());
//   std::vector<int32_t> ids = encoder->encode(text, true);
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

// One per thread: it may cache.
class SubwordEncoder {
 public:
    virtual ~SubwordEncoder() = default;

    // text: without added tokens. begins_text: nothing precedes it; some kinds put a space there.
    virtual std::vector<int32_t> encode(std::string_view text, bool begins_text) = 0;
};

// The first position from `at` on where a text can be cut, whatever precedes and follows, so that both sides can be
// encoded separately; text.size() if there is none.
using SafeCut = size_t (*)(std::string_view text, size_t at);

struct SubwordKind {
    VocabularyKind kind;
    std::string_view name, split_pattern;  // "byte-level BPE", and whose pattern splits a text: "Llama 3"
    void (*check)(const Vocabulary& vocabulary, std::string_view source);  // throws Error if it lacks what is needed
    SafeCut safe_cut;
    // The vocabulary must outlive the encoder. expected_bytes: of all texts; sizes the cache.
    std::unique_ptr<SubwordEncoder> (*make)(const Vocabulary& vocabulary, size_t expected_bytes);
};

const SubwordKind& kind_of(const Vocabulary& vocabulary);  // throws Error for a kind that is not supported

}  // namespace puna
