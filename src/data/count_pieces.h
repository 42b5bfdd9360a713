// data/count_pieces.h — what tokenizer training counts, from files of every kind that can be packed.
//
//   PieceCounter counter = count_pieces({"novels", "chat.jsonl"}, "text");
//   Tokenizer tokenizer = train_tokenizer(counter, {.vocabulary = 4096});
//
// Of JSONL the text field counts, or what all messages of a conversation say.
#pragma once
#include "tokenizer/train.h"

#include <string>
#include <vector>

namespace puna {

PieceCounter count_pieces(const std::vector<std::string>& paths, const std::string& text_field);

}  // namespace puna
