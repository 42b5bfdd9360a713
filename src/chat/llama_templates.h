// chat/llama_templates.h — chat templates of Llama 2, 3, 3.1, 3.2 and 3.3, for models that have none of their own.
//
//   ChatTemplateText found{.origin = "Llama 3.1's own template", .text = llama_template(LlamaPrompt::llama3_1)};
//
// Their prompts have the same token ids as those of the templates that Meta published; tests/template_test.py compares
// them. Llama 3 was published without tools: here it offers and calls them as Llama 3.1 does. Llama 2 has none. With
// the variable pythonic_tools, those of 3.2 and 3.3 offer functions and write calls as Meta's prompt formats do, in
// Python: [f(a=1), g(b='x')].
//
// Sources: Meta's llama, generation.py; meta-llama/llama-models, models/llama3_2/text_prompt_format.md and
// models/llama3_3/prompt_format.md.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

enum class LlamaPrompt : uint8_t { llama2, llama3, llama3_1, llama3_2, llama3_3 };

std::string llama_template(LlamaPrompt prompt);  // source in Jinja2

std::optional<LlamaPrompt> find_llama_prompt(std::string_view name);  // "llama3.1"

}  // namespace puna
