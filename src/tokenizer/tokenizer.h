// tokenizer/tokenizer.h — text to token ids and back.
//
//   Tokenizer tokenizer = load_tokenizer("models/starter");         // tokenizer/files.h
//   std::vector<int32_t> ids = tokenizer.encode("Hello, world");    // control tokens in the text are plain text
//   std::string text = tokenizer.decode(ids);                       // the same bytes, except spaces that the vocabulary
//                                                                   // adds or removes
//
// The kind of its vocabulary chooses the encoder (tokenizer/subword_encoder.h). Thread-safe. For many short texts use
// an Encoder (tokenizer/encoder.h), which caches words; to decode token by token a DecodeStream
// (tokenizer/decode_stream.h); for conversations chat/encode.h.
#pragma once
#include "tokenizer/added_tokens.h"
#include "tokenizer/subword_encoder.h"
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
    // Assigns the roles. Throws Error, beginning with `source`, if the vocabulary lacks what its kind needs.
    explicit Tokenizer(Vocabulary vocabulary, std::string_view source = "this vocabulary");

    std::vector<int32_t> encode(std::string_view text) const;

    // Control tokens in the text become their ids: only for trusted text.
    std::vector<int32_t> encode_with_control(std::string_view text) const;

    // Control tokens are written as their names. `ids` are a whole text: the space that its encoding has put before it
    // is dropped (SentencePieceRules::drop_prefix). Throws Error for ids without a token.
    std::string decode(std::span<const int32_t> ids) const;
    std::string_view bytes(int32_t id) const;

    int32_t size() const { return vocabulary_.size(); }  // one more than the highest id; there may be gaps below it
    TokenKind kind(int32_t id) const { return vocabulary_.token_kind(id); }
    bool is_control(int32_t id) const { return kind(id) == TokenKind::control; }
    std::optional<int32_t> find_control(std::string_view name) const;  // "<|eot_id|>"
    const TokenRoles& roles() const { return vocabulary_.roles; }

    // The tokens around a text: Llama 3's, or those that the model's files name (tokenizer/token_roles.h). find_
    // returns none if none is known; the others throw Error if one should be known and is not, which names the file.
    std::optional<int32_t> find_begin_of_text() const { return vocabulary_.begin_of_text->id; }
    std::optional<int32_t> find_end_of_text() const { return vocabulary_.end_of_text->id; }
    std::optional<int32_t> begin_of_text() const;  // none: the model's texts begin without
    int32_t end_of_text() const;
    int32_t padding() const;  // pad, else eos, else any id: padding is never in the loss
    const std::vector<int32_t>& stop_ids() const { return roles().ends; }  // tokens that end generation

    SafeCut safe_cut() const { return kind_of(vocabulary_).safe_cut(vocabulary_); }  // for encoding a text in parts
    // The beginning of a text without the space that its encoding has put there, or all spaces of a vocabulary that
    // removes them.
    std::string_view without_prefix(std::string_view beginning) const;
    const Vocabulary& vocabulary() const { return vocabulary_; }
    const AddedTokenFinder& added_tokens() const { return added_tokens_; }

 private:
    Vocabulary vocabulary_;  // with begin_of_text and end_of_text
    AddedTokenFinder added_tokens_;
};

}  // namespace puna
