// tokenizer/encoder.h — encodes many texts, with a cache: added tokens, and between them what the vocabulary's kind
// does.
//
//   Encoder encoder(tokenizer);                     // one per thread; the tokenizer must outlive it
//   for (const std::string& document : documents) ids.push_back(encoder.encode(document));
//
// The same ids as Tokenizer::encode.
#pragma once
#include "tokenizer/subword_encoder.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

class Encoder {
 public:
    explicit Encoder(const Tokenizer& tokenizer,
                     size_t expected_bytes = SIZE_MAX);  // sizes the cache; short texts use none
    Encoder(const Tokenizer& tokenizer, std::unique_ptr<SubwordEncoder> subwords);

    const Tokenizer& tokenizer() const { return tokenizer_; }

    // preceding: text, if this one continues another that was encoded before it.
    std::vector<int32_t> encode(std::string_view text, Preceding preceding = Preceding::nothing);
    std::vector<int32_t> encode_with_control(std::string_view text);

    // Calls on_span for each added token (including stripped white space) and for the text between two, each with its
    // part of the text. may_be_control: which occurrences of control tokens are accepted.
    using OnSpan = std::function<void(std::span<const int32_t> ids, std::string_view bytes)>;
    void encode_spans(std::string_view text, const MayBeControl& may_be_control, const OnSpan& on_span,
                      Preceding preceding = Preceding::nothing);

    // Encodes whole files with bounded memory: calls on_ids with some ids at a time and the number of bytes they
    // encode.
    void encode_parts(std::string_view text,
                      const std::function<void(std::span<const int32_t> ids, size_t bytes)>& on_ids);

 private:
    std::vector<int32_t> encode_spans(std::string_view text, const MayBeControl& may_be_control, Preceding preceding);

    const Tokenizer& tokenizer_;
    std::unique_ptr<SubwordEncoder> subwords_;
};

}  // namespace puna
