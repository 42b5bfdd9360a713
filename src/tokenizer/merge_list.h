// tokenizer/merge_list.h — the merges of a vocabulary, as files list them.
//
//   MergeReader merges(vocabulary, count, "tokenizer.json");
//   merges.add("Ġ", "the");                          // for each, spelled as in the file
//   merges.finish();
//   std::vector<MergeTable::Pair> pairs = list_merges(vocabulary);      // also those that are not stored
//
// Byte-level merges that are all two-way splits of all tokens in the order of the merged token's id are what a rank
// file implies: they are not stored but derived from the tokens. The last of duplicates counts.
#pragma once
#include "tokenizer/vocabulary.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// The splits of all tokens into two others: by the merged token's id, then by the ids of its halves.
class SplitCursor {
 public:
    explicit SplitCursor(const TokenTable& tokens);

    const MergeTable::Pair* next();             // null: that was the last one
    int32_t merged() const { return merged_; }  // of the split that next has returned

 private:
    void list_splits();  // of the token merged_

    const TokenTable& tokens_;
    std::vector<int32_t> ids_;
    std::vector<int32_t> prefixes_;  // by position in ids_: the longest other token that begins it, or -1
    std::vector<MergeTable::Pair> splits_;
    size_t token_ = 0, split_ = 0;
    int32_t merged_ = -1;
};

class MergeReader {
 public:
    // The vocabulary has its tokens, and gets `count` merges at most. where: begins messages.
    MergeReader(Vocabulary& vocabulary, size_t count, std::string_view where);

    // Throws Error if one of them, or what they form, is not a text token.
    void add(std::string_view left, std::string_view right);
    void finish();

 private:
    bool is_next_split(std::string_view left, std::string_view right);
    void store_merges();
    void store(int32_t left, int32_t right, int32_t merged);
    int32_t find(std::string_view spelled) const;

    Vocabulary& vocabulary_;
    std::string_view where_;
    size_t count_, read_ = 0;
    std::optional<SplitCursor> expected_;  // as long as the merges are those that the tokens imply: nothing is stored
    size_t splits_ = 0;
    int32_t last_ = 0;
    bool by_merged_id_ = true;
};

std::vector<MergeTable::Pair> list_merges(const Vocabulary& vocabulary);

// Of SentencePiece: whether its merges are others, or in another order, than those that scores_of gives.
bool has_other_merges(const Vocabulary& vocabulary);

// As files spell a text token, and back: "Ġthe" of byte-level BPE, "▁the" of SentencePiece is " the". None if a
// character is not in byte-level encoding.
std::string spell_token(const Vocabulary& vocabulary, std::string_view token);
std::optional<std::string> unspell_token(const Vocabulary& vocabulary, std::string_view spelled);

}  // namespace puna
