// tokenizer/vocabulary.h — what a tokenizer is made of, as data: tokens of text, added tokens and the order of merges.
//
//   Vocabulary vocabulary = parse_rank_file(text, path, ControlNames::llama3_1);  // or parse_tokenizer_json
//   TokenKind kind = vocabulary.kind(128009);                                      // control
//   Tokenizer tokenizer(std::move(vocabulary));
#pragma once
#include "tokenizer/token_table.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// What an id stands for. Ids need not be contiguous: `none` is an id without a token.
enum class TokenKind : uint8_t { none, text, control, added };  // added: text, but found whole before text is split

// Ids are below this, as no model has a larger embedding: a hostile id must not make us allocate for all below it.
inline constexpr int64_t max_token_ids = int64_t{1} << 24;

// Bytes of a token; Llama 3's longest has 128. What a hostile file can make us do grows with it.
inline constexpr size_t max_token_bytes = 1024;

// Pairs of tokens in the order in which they are joined.
class MergeTable {
 public:
    MergeTable(size_t count, size_t distinct);  // how many are added, and at most how many of them differ

    bool add(int32_t left, int32_t right);  // last in the order. A pair that is there already moves there: false
    std::optional<int32_t> find(int32_t left, int32_t right) const;  // its place in the order

    struct Pair {
        int32_t left, right;
        bool operator==(const Pair&) const = default;
    };
    std::vector<Pair> pairs() const;  // in order

 private:
    size_t slot_of(Pair pair) const;  // where it is, or where it would be

    std::vector<Pair> pairs_;      // by place; those that have moved are {-1, -1}
    std::vector<uint32_t> slots_;  // place + 1; 0 is empty
};

// How a token is found whole in a text before the text is split: the fields of Hugging Face's AddedToken.
struct AddedToken {
    bool control = false;                 // "special": never made of plain text
    bool single_word = false;             // only where no word character stands beside it
    bool lstrip = false, rstrip = false;  // with the white space before it, after it
    bool normalized = false;              // looked for in what those that are not have left
    bool operator==(const AddedToken&) const = default;
};

struct Vocabulary {
    TokenTable tokens;                     // of text, as byte-pair encoding makes them
    TokenTable added;                      // found whole: control tokens, and added tokens of text, which may be in
    std::vector<AddedToken> added_tokens;  // `tokens` too, with the same id; their flags, by place in `added`
    std::optional<MergeTable> merges;      // none: any two neighbors that make a token together, the lowest id first
    bool whole_pieces = true;              // a piece that is a token is that token, also where no merges lead to it

    int32_t size() const { return std::max(tokens.end(), added.end()); }  // one more than the highest id
    TokenKind kind(int32_t id) const;
    std::string_view bytes(int32_t id) const;  // empty: an id without a token

    // The ids after the others', for control tokens of these names. Throws Bug for a name twice.
    void append_controls(const std::vector<std::string>& names);
};

}  // namespace puna
