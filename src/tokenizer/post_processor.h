// tokenizer/post_processor.h — tokenizer.json's post_processor: the token that begins a text.
//
//   std::optional<TextToken> begin = read_post_processor(json, path, vocabulary);
//
// {"SpecialToken": {"id": "<s>"}} is the first piece of a TemplateProcessing's template for single texts, and
// {"<s>": {"ids": [1]}} one of its special_tokens. None: there is no template. A token without id: the template puts
// none. What cannot be understood is a `problem`: texts can be encoded without it.
#pragma once
#include "tokenizer/vocabulary.h"

#include <optional>
#include <string>
#include <string_view>

namespace puna {

std::optional<TextToken> read_post_processor(std::string_view json, std::string_view path,
                                             const Vocabulary& vocabulary);
std::string post_processor_json(const Vocabulary& vocabulary);

}  // namespace puna
