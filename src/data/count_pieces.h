// data/count_pieces.h — pre-token counts for tokenizer training, from any file that can be packed.
//
//   PieceCounter counter = count_pieces(find_input_files({"novels", "chat.jsonl"}), "text");
//   Tokenizer tokenizer = train_tokenizer(counter, {.vocabulary = 4096});
//
// From JSONL it counts the text field, or the content of all messages of a conversation.
#pragma once
#include "data/input_files.h"
#include "tokenizer/train.h"

#include <string_view>
#include <vector>

namespace puna {

PieceCounter count_pieces(const std::vector<InputFile>& files, std::string_view text_field);

}  // namespace puna
