// data/count_pieces.h — pre-token counts for tokenizer training, from any file that can be packed.
//
//   BadInputs bad(options.skip_bad);
//   PieceCounter counter = count_pieces(find_input_files({"novels", "chat.jsonl"}, bad), options, bad);
//   Tokenizer tokenizer = train_tokenizer(counter, {.vocabulary = 4096});
//
// From JSON it counts the text field, or the content of all messages of a conversation. Throws Error for the first
// input that cannot be read, unless `bad` skips it; and if all are skipped.
#pragma once
#include "data/bad_input.h"
#include "data/input_files.h"
#include "data/input_options.h"
#include "tokenizer/train.h"

#include <vector>

namespace puna {

PieceCounter count_pieces(const std::vector<InputFile>& files, const InputOptions& options, BadInputs& bad);

}  // namespace puna
