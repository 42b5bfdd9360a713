// tokenizer/tokenizer.h — byte-level BPE with Llama 3's pattern: text to token ids and back.
//
//   Tokenizer tokenizer = load_tokenizer("models/starter");         // tokenizer/files.h
//   std::vector<int32_t> ids = tokenizer.encode("Hello, world");    // control tokens in the text are plain text
//   std::string text = tokenizer.decode(ids);                       // the same bytes, except white space that added
//                                                                   // tokens strip
//
// Thread-safe. For many short texts use an Encoder (tokenizer/encoder.h), which caches words; to decode token by token
// a DecodeStream (tokenizer/decode_stream.h); for conversations chat/encode.h.
#pragma once
#include "tokenizer/added_tokens.h"
#include "tokenizer/vocabulary.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

class Tokenizer {
 public:
    // Throws Error, beginning with `source`, if a byte has no token.
    explicit Tokenizer(Vocabulary vocabulary, std::string_view source = "this vocabulary");

    std::vector<int32_t> encode(std::string_view text) const;

    // Control tokens in the text become their ids: only for trusted text.
    std::vector<int32_t> encode_with_control(std::string_view text) const;

    // Control tokens are written as their names. Throws Error for ids without a token.
    std::string decode(std::span<const int32_t> ids) const;
    std::string_view bytes(int32_t id) const;

    int32_t size() const { return vocabulary_.size(); }  // one more than the highest id; there may be gaps below it
    TokenKind kind(int32_t id) const { return vocabulary_.kind(id); }
    bool is_control(int32_t id) const { return kind(id) == TokenKind::control; }
    std::optional<int32_t> find_control(std::string_view name) const;  // "<|eot_id|>"
    int32_t control(std::string_view name) const;                      // throws Error if there is none

    // The tokens around a text: Llama 3's, or those that the model's files name (tokenizer/text_tokens.h). find_
    // returns none if none is known; the others throw Error if one should be known and is not, which names the file.
    std::optional<int32_t> find_begin_of_text() const { return vocabulary_.begin_of_text->id; }
    std::optional<int32_t> find_end_of_text() const { return vocabulary_.end_of_text->id; }
    std::optional<int32_t> begin_of_text() const;  // none: the model's texts begin without
    int32_t end_of_text() const;
    int32_t padding() const { return find_end_of_text().value_or(0); }  // any id: padding is never in the loss
    std::vector<int32_t> stop_ids() const;  // tokens that end generation: end_of_text, eom_id, eot_id

    const Vocabulary& vocabulary() const { return vocabulary_; }
    const AddedTokenFinder& added_tokens() const { return added_tokens_; }

 private:
    Vocabulary vocabulary_;  // with begin_of_text and end_of_text
    AddedTokenFinder added_tokens_;
};

}  // namespace puna
