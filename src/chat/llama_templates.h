// chat/llama_templates.h — chat templates of Llama 3, 3.1, 3.2 and 3.3, for models that have none of their own.
//
//   ChatTemplateText found{.origin = "Llama 3.1's own template", .text = llama_template(LlamaPrompt::llama3_1)};
//
// Their prompts have the same token ids as those of the templates that Meta published; tests/template_test.py compares
// them. Llama 3 was published without tools: here it offers and calls them as Llama 3.1 does.
#pragma once
#include <cstdint>
#include <string>

namespace puna {

enum class LlamaPrompt : uint8_t { llama3, llama3_1, llama3_2, llama3_3 };

std::string llama_template(LlamaPrompt prompt);  // source in Jinja2

}  // namespace puna
