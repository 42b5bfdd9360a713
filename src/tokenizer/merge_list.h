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
#include <string>
#include <string_view>
#include <vector>

namespace puna {

class MergeReader {
 public:
    // The vocabulary has its tokens, and gets `count` merges at most. where: begins messages.
    MergeReader(Vocabulary& vocabulary, size_t count, std::string_view where);

    // Throws Error if one of them, or what they form, is not a text token.
    void add(std::string_view left, std::string_view right);
    void finish();

 private:
    int32_t find(std::string_view spelled) const;

    Vocabulary& vocabulary_;
    std::string_view where_;
    size_t count_ = 0, splits_ = 0;
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
