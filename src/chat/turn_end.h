// chat/turn_end.h — the tokens that end an answer, by what the chat template writes after one.
//
//   std::vector<int32_t> stops = template_stop_ids(found, tokenizer);      // besides Tokenizer::stop_ids
//
// A model that was tuned with a template ends its answers as the template does, whatever the other files name as its
// end: ChatML's <|im_end|> beside Llama 2's </s>. It may end a call of a tool otherwise than words, as with <|eom_id|>.
#pragma once
#include "tokenizer/chat_template_files.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <vector>

namespace puna {

// eos_token, and what the template writes after an answer and after a call; of the latter two none if the template
// cannot be rendered, or text ends the answer.
std::vector<int32_t> template_stop_ids(const ChatTemplateText& found, const Tokenizer& tokenizer);

}  // namespace puna
