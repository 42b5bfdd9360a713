// tokenizer/added_tokens.h — finds the added tokens of a text, before what stands between them is split and encoded.
//
//   AddedTokenFinder finder(vocabulary);
//   finder.for_each_span(vocabulary, text, {}, [&](std::string_view bytes, std::optional<int32_t> id) {
//       if (id) ids.push_back(*id);                      // else `bytes` is text between added tokens
//   });
//
// As Hugging Face's library: at each place the longest token, the first place first; tokens that are not `normalized`
// before those that are, which are looked for in what the former leave. A token that is found, but may not stand there
// (a control token in plain text, a single word inside another), is text, and nothing is looked for inside it.
#pragma once
#include "tokenizer/prefix_finder.h"
#include "tokenizer/vocabulary.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace puna {

// Whether these bytes of the text, which spell a control token, are that token. Without a function none are.
using MayBeControl = std::function<bool(std::string_view bytes)>;

class AddedTokenFinder {
 public:
    explicit AddedTokenFinder(const Vocabulary& vocabulary);

    // Calls on_span for every part of the text in order: an added token with its id (and the white space that it
    // strips) or text between two. The same vocabulary.
    using OnSpan = std::function<void(std::string_view bytes, std::optional<int32_t> id)>;
    void for_each_span(const Vocabulary& vocabulary, std::string_view text, const MayBeControl& may_be_control,
                       const OnSpan& on_span) const;

    bool finds_text() const { return finds_text_; }        // otherwise plain text has no added tokens
    bool crosses_lines() const { return crosses_lines_; }  // one may reach across the end of a line: see safe_cut

 private:
    void search(size_t pass, const Vocabulary& vocabulary, std::string_view text, const MayBeControl& may_be_control,
                const OnSpan& on_span) const;

    std::array<PrefixFinder, 2> passes_;  // tokens that are not normalized, and those that are
    bool finds_text_ = false, crosses_lines_ = false;
};

}  // namespace puna
