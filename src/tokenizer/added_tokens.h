// tokenizer/added_tokens.h — finds the added tokens in a text; the text between them is then split and encoded.
//
//   AddedTokenFinder finder(vocabulary);
//   finder.for_each_span(vocabulary, text, {}, [&](std::string_view bytes, std::optional<int32_t> id, bool) {
//       if (id) ids.push_back(*id);                      // else `bytes` is text between added tokens
//   });
//
// Matches as Hugging Face's tokenizers library: leftmost, longest match; tokens that are not `normalized` first, then
// normalized ones in the remaining text. A match that is not allowed (a control token in plain text, a single_word
// token inside a word) is plain text and is not searched again.
//
// Where a normalizer puts a space before a text (has_space_normalizer), it also puts one before the
// normalized tokens of text: they are found only after a space, which is then part of them, or where a text begins.
#pragma once
#include "tokenizer/prefix_finder.h"
#include "tokenizer/vocabulary.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace puna {

// Returns whether this occurrence of a control token's text is that token, and of an added token that is named like
// one. An empty function allows none of the former and all of the latter.
using MayBeControl = std::function<bool(std::string_view bytes)>;

bool is_marker(std::string_view token);              // in brackets: nothing that is in ordinary text
bool is_named_like_control(std::string_view token);  // <|im_end|>, [INST]; not <think>, which models write themselves

class AddedTokenFinder {
 public:
    explicit AddedTokenFinder(const Vocabulary& vocabulary);

    // Calls on_span for each part of the text in order: an added token with its id (including stripped white space), or
    // the text between two. `vocabulary` is the constructor's. begins: whether a space may be put before such a text.
    using OnSpan = std::function<void(std::string_view bytes, std::optional<int32_t> id, bool begins)>;
    void for_each_span(const Vocabulary& vocabulary, std::string_view text, const MayBeControl& may_be_control,
                       const OnSpan& on_span) const;

    bool finds_text() const { return finds_text_; }        // whether plain text can contain added tokens
    bool crosses_lines() const { return crosses_lines_; }  // whether a match can contain a newline: see safe_cut

 private:
    class Search;

    std::array<PrefixFinder, 2> passes_;  // not normalized, normalized
    bool finds_text_ = false, crosses_lines_ = false;
};

}  // namespace puna
