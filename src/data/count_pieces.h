// data/count_pieces.h — what tokenizer training counts, from files of every kind that can be packed.
//
//   PieceCounter counter = count_pieces(find_input_files({"novels", "chat.jsonl"}), "text");
//   Tokenizer tokenizer = train_tokenizer(counter, {.vocabulary = 4096});
//
// Of JSONL the text field counts, or what all messages of a conversation say.
#pragma once
#include "data/input_files.h"
#include "tokenizer/train.h"

#include <string_view>
#include <vector>

namespace puna {

PieceCounter count_pieces(const std::vector<InputFile>& files, std::string_view text_field);

}  // namespace puna
