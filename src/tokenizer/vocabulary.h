// tokenizer/vocabulary.h — what a tokenizer is made of, as data: tokens, control tokens and the order of merges.
//
//   Vocabulary vocabulary = parse_rank_file(text, path, ChatFormat::llama3_1);  // or parse_tokenizer_json, or the
//   trainer Tokenizer tokenizer(std::move(vocabulary));
#pragma once
#include "tokenizer/token_table.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace puna {

// The prompt that a model was trained on. 3.1 and 3.3 differ in nothing but their name.
enum class ChatFormat : uint8_t { llama3, llama3_1, llama3_2, llama3_3 };

// Bytes of a token; Llama 3's longest has 128. What a hostile file can make us do grows with it.
inline constexpr size_t longest_token = 1024;

// Pairs of tokens in the order in which they are joined.
class MergeTable {
 public:
    explicit MergeTable(size_t count);

    [[nodiscard]] bool add(int32_t left, int32_t right);             // false if the pair is there already
    std::optional<int32_t> find(int32_t left, int32_t right) const;  // its place in the order

    struct Pair {
        int32_t left, right;
        bool operator==(const Pair&) const = default;
    };
    const std::vector<Pair>& pairs() const { return pairs_; }

 private:
    size_t slot_of(Pair pair) const;  // where it is, or where it would be

    std::vector<Pair> pairs_;
    std::vector<uint32_t> slots_;  // place + 1; 0 is empty
};

struct Vocabulary {
    TokenTable tokens;                 // of text: ids from 0
    TokenTable controls;               // begin_of_text and its like: ids from tokens.size(); never made from text
    std::optional<MergeTable> merges;  // none: any two neighbors that make a token together, the lowest id first
    bool whole_pieces = true;          // a piece that is a token is that token, also where no merges lead to it
    ChatFormat chat_format = ChatFormat::llama3;
};

}  // namespace puna
