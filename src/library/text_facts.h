// library/text_facts.h — what a model knows of text: its tokenizer, its chat template, and whether they can be used.
//
//   TextFacts text = read_text_facts(*source);
//   if (text.problem) throw *text.problem;          // once all else was shown
#pragma once
#include "core/error.h"
#include "model/source.h"

#include <cstdint>
#include <optional>
#include <string>

namespace puna {

struct TextFacts {
    int64_t tokens = 0;            // of the tokenizer; 0: it has none, or none that can be used
    std::string chat_template;     // where it comes from: a file and field, or "Llama 2's chat template"; empty: none
    bool built_in = false;         // of the program, for want of the model's own
    std::optional<Error> problem;  // a damaged tokenizer or generation config, a template that cannot be used
};

// Tries the chat template on a short conversation. A model without a tokenizer has no problem.
TextFacts read_text_facts(const ModelSource& source);

}  // namespace puna
