// tokenizer/vocabulary.h — a tokenizer's data: text tokens, added tokens and merges.
//
//   Vocabulary vocabulary = parse_rank_file(text, path, ControlNames::llama3_1);  // or parse_tokenizer_json, ...
//   TokenKind kind = vocabulary.token_kind(128009);                                // control
//   Tokenizer tokenizer(std::move(vocabulary));
#pragma once
#include "tokenizer/prefix_finder.h"
#include "tokenizer/split_pattern.h"
#include "tokenizer/token_table.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// How text becomes ids (tokenizer/subword_encoder.h).
enum class VocabularyKind : uint8_t { byte_bpe, sentencepiece };

// Ids need not be contiguous: `none` is an id without a token.
enum class TokenKind : uint8_t { none, text, control, added };  // added: text, but matched before the text is split

// All ids are below this (no model has a larger embedding), so that a hostile id cannot make us allocate without bound.
inline constexpr int64_t max_token_ids = int64_t{1} << 24;

// Bytes; Llama 3's longest token has 128. Bounds the work that a hostile file can cause.
inline constexpr size_t max_token_bytes = 1024;

// Pairs of tokens in merge order.
class MergeTable {
 public:
    MergeTable(size_t count, size_t distinct);  // number of pairs to add; maximum number of distinct ones

    bool add(int32_t left, int32_t right);  // appends; an existing pair moves to the end: false
    std::optional<int32_t> find(int32_t left, int32_t right) const;  // its rank in merge order

    struct Pair {
        int32_t left, right;
        bool operator==(const Pair&) const = default;
    };
    std::vector<Pair> pairs() const;  // in merge order

 private:
    size_t slot_of(Pair pair) const;  // its slot, or the free slot for it

    std::vector<Pair> pairs_;      // by rank; those that have moved are {-1, -1}
    std::vector<uint32_t> slots_;  // rank + 1; 0 is empty
};

// How a token is matched before the text is split: the fields of Hugging Face's AddedToken.
struct AddedToken {
    bool control = false;                 // "special": never matched in plain text
    bool single_word = false;             // only if no word character is adjacent
    bool lstrip = false, rstrip = false;  // including the white space before, after it
    bool normalized = false;              // matched after those that are not
    bool operator==(const AddedToken&) const = default;
};

// The ids of tokens by what they are for; none: the vocabulary has no such token. See tokenizer/token_roles.h.
struct TokenRoles {
    std::optional<int32_t> bos, eos;                  // begin and end a text
    std::optional<int32_t> eot, eom;                  // end a turn; a message that calls a tool
    std::optional<int32_t> header_begin, header_end;  // around the role at the beginning of a turn
    std::optional<int32_t> pad;
    std::vector<int32_t>
        ends;  // all that end generation, ascending: eos, eot, eom and other families' end-of-turn tokens
};

// The token before or after a text.
struct TextToken {
    std::optional<int32_t> id;  // none: the model has none
    std::string problem;        // not empty: no such token is known, and why
};

// Where a space is put before a text, so that its first word is encoded as any other.
enum class SpacePrefix : uint8_t {
    none,
    text,     // at the beginning of the whole text
    segments  // also after each added token, as Llama 1 and 2 ("legacy" in Hugging Face's files)
};

// What a vocabulary of SentencePiece has besides. Its text tokens hold a space where files write U+2581.
struct SentencePieceRules {
    SpacePrefix prefix = SpacePrefix::segments;
    bool prefix_unless_space = false;  // no prefix before a space (Hugging Face's Metaspace)
    bool drop_prefix = true;           // decoding drops the space that begins a text
    bool remove_extra_spaces = false;  // at both ends, and all but one between words
    bool separate_spaces = false;      // a token ends before each space (Metaspace with split)
    std::optional<int32_t> unknown;    // of characters without a token, if bytes has not all of theirs
    bool fuse_unknown = true;          // one for a run of such characters
    TokenTable bytes;                  // <0x00> to <0xFF>, as one byte each
    std::vector<float> scores;         // by id: the merge to the highest one comes first. Empty: `merges` decide
    std::vector<int32_t> user_defined, unused;  // of `tokens`, ascending: never merged; never produced

    // Set by Tokenizer, from the above.
    std::vector<int32_t> ranks;        // by id: 0 for the highest score
    PrefixFinder user_defined_finder;  // of `tokens`
    bool words_are_separate = false;   // no token crosses the beginning of a word
    bool lines_are_separate = false;   // no token goes on after a newline
};

struct Vocabulary {
    VocabularyKind kind = VocabularyKind::byte_bpe;
    SplitPattern split = SplitPattern::llama3;  // of byte-level BPE
    SentencePieceRules sentencepiece;           // of SentencePiece
    TokenTable tokens;                          // text tokens, which the encoder of the kind produces
    TokenTable added;                           // control tokens and added text tokens; the latter may also be in
    std::vector<AddedToken> added_tokens;       // `tokens`, with the same id. The flags, by index in `added`
    TokenRoles named;                           // by the file itself: bos, eos, eot, eom, pad
    TokenRoles roles;                           // set by Tokenizer
    // What a text begins and ends with, which need not be bos and eos. Unset: as their roles say (Tokenizer sets them).
    std::optional<TextToken> begin_of_text, end_of_text;
    std::optional<MergeTable> merges;  // none: any two adjacent tokens that form a token, lowest id first
    bool whole_pieces = true;          // ignore_merges: a piece that is a token is encoded as it

    int32_t size() const { return std::max({tokens.end(), added.end(), sentencepiece.bytes.end()}); }  // highest id + 1
    TokenKind token_kind(int32_t id) const;
    std::optional<int32_t> find_id(int64_t id) const;  // none: it has no token
    std::string_view bytes(int32_t id) const;          // empty if the id has no token

    // Adds control tokens of these names, with the ids from `first` on; without it, after all others. Throws Bug for
    // duplicate names.
    void append_controls(const std::vector<std::string>& names, std::optional<int32_t> first = {});
};

}  // namespace puna
