// chat/llama_templates.h — the prompts of Llama 3, 3.1, 3.2 and 3.3 as templates, for vocabularies that bring none.
//
//   ChatTemplateText found{.place = "Llama 3.1's own template", .text = llama_template(LlamaPrompt::llama3_1)};
//
// They give the ids of those that Meta published; for Llama 3, which has none for tools, tools are offered and called
// as for 3.1.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

enum class LlamaPrompt : uint8_t { llama3, llama3_1, llama3_2, llama3_3 };

std::string_view name_of(LlamaPrompt prompt);  // "llama3_1"
std::optional<LlamaPrompt> find_llama_prompt(std::string_view name);

std::string llama_template(LlamaPrompt prompt);

}  // namespace puna
