// model/supported.h — whether a config.json is that of a model which can be run here.
//
//   reject_unsupported(root, path);        // Error: "config.json: model_type is 'mistral'; only ... is supported"
//
// A Llama by its architecture, dense, complete and not quantized by others. Many that are none say LlamaForCausalLM:
// the draft heads of EAGLE, for example. Whoever wrote the weights may have quantized them without a word here: see
// huggingface_source.cpp.
#pragma once
#include "core/json_document.h"

#include <string_view>

namespace puna {

// Throws Error of the kind unsupported that names the field, and what is supported.
void reject_unsupported(JsonNode root, std::string_view path);

bool is_internlm(JsonNode root);  // InternLM's first models: Llamas with `bias` and `rotary`

}  // namespace puna
