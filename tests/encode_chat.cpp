// Prompts for tests: encode_chat TOKENIZER < CONVERSATIONS prints a line of ids for each line of JSON, which has the
// arguments of Hugging Face's apply_chat_template: messages, tools, builtin_tools, tools_in_user_message, date_string,
// add_generation_prompt; and a `template` or the `format` of one of ours. encode_chat --template FORMAT prints ours.
#include "chat/encode.h"
#include "chat/llama_templates.h"
#include "chat/messages.h"
#include "core/error.h"
#include "tokenizer/files.h"

#include <fmt/ranges.h>

#include <cstdio>
#include <iostream>

namespace {

puna::LlamaPrompt prompt_named(std::string_view name) {
    std::optional<puna::LlamaPrompt> known = puna::find_llama_prompt(name);
    if (!known) puna::fail("there is no template '{}'", name);
    return *known;
}

puna::ChatTemplate template_of(const puna::JsonNode& line) {
    puna::ChatTemplateText found{.origin = "template", .tokens = {{"bos_token", "<|begin_of_text|>"}}};
    found.text =
        line.find("template") ? line.need("template").text() : llama_template(prompt_named(line.need("format").text()));
    return puna::ChatTemplate(found);
}

puna::ChatTokens encode(const puna::Tokenizer& tokenizer, const puna::JsonNode& line) {
    puna::ChatOptions options{.add_generation_prompt = line.boolean("add_generation_prompt", false),
                              .tools_in_user_message = line.boolean("tools_in_user_message", true),
                              .date = line.text("date_string", "")};
    if (auto tools = line.find("tools"))
        for (const puna::JsonNode& tool : tools->items()) options.tools.emplace_back(tool.raw());
    if (auto tools = line.find("builtin_tools"))
        for (const puna::JsonNode& tool : tools->items()) options.builtin_tools.push_back(tool.text());
    return encode_chat(template_of(line), tokenizer, read_messages(line.need("messages")), options);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3) return fmt::print("{}", puna::llama_template(prompt_named(argv[2]))), 0;
    if (argc != 2) return std::fputs("usage: encode_chat TOKENIZER < CONVERSATIONS\n", stderr), 2;
    puna::Tokenizer tokenizer = puna::load_tokenizer(argv[1]);
    for (std::string line; std::getline(std::cin, line);)
        fmt::print("{}\n", fmt::join(encode(tokenizer, puna::JsonDocument(line, "standard input").root()).ids, " "));
}
