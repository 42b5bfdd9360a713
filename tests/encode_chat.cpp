// Prompts for tests: encode_chat TOKENIZER < CONVERSATIONS prints a line of ids for each line of JSON, which has the
// arguments of Hugging Face's apply_chat_template: messages, tools, builtin_tools, tools_in_user_message, date_string,
// add_generation_prompt; and a `template` or the `format` of one of ours. encode_chat --template FORMAT prints ours.
#include "chat/encode.h"
#include "chat/llama_templates.h"
#include "core/error.h"
#include "tokenizer/files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>

namespace {

using Json = nlohmann::ordered_json;

puna::Message message_of(const Json& json) {
    puna::Message message{.role = json.at("role")};
    Json content = json.value("content", Json(""));
    message.content_is_json = !content.is_string();
    message.content = content.is_string() ? content.get<std::string>() : content.dump();
    for (const Json& call : json.value("tool_calls", Json::array()))
        message.tool_calls.push_back({call.at("function").at("name"), call.at("function").at("arguments").dump()});
    return message;
}

puna::LlamaPrompt prompt_named(std::string_view name) {
    constexpr std::string_view names[] = {"llama3", "llama3_1", "llama3_2", "llama3_3"};
    const auto* at = std::find(std::begin(names), std::end(names), name);
    if (at == std::end(names)) puna::fail("there is no template '{}'", name);
    return static_cast<puna::LlamaPrompt>(at - names);
}

puna::ChatTemplate template_of(const Json& json) {
    puna::ChatTemplateText found{.origin = "template", .tokens = {{"bos_token", "<|begin_of_text|>"}}};
    found.text = json.contains("template") ? json.at("template").get<std::string>()
                                           : llama_template(prompt_named(json.at("format").get<std::string>()));
    return puna::ChatTemplate(found);
}

puna::ChatTokens encode(const puna::Tokenizer& tokenizer, const Json& json) {
    std::vector<puna::Message> messages;
    for (const Json& message : json.at("messages")) messages.push_back(message_of(message));
    puna::ChatOptions options{.add_generation_prompt = json.value("add_generation_prompt", false),
                              .tools_in_user_message = json.value("tools_in_user_message", true),
                              .builtin_tools = json.value("builtin_tools", std::vector<std::string>()),
                              .date = json.value("date_string", "")};
    for (const Json& tool : json.value("tools", Json::array())) options.tools.push_back(tool.dump());
    return encode_chat(template_of(json), tokenizer, messages, options);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3) return fmt::print("{}", puna::llama_template(prompt_named(argv[2]))), 0;
    if (argc != 2) return std::fputs("usage: encode_chat TOKENIZER < CONVERSATIONS\n", stderr), 2;
    puna::Tokenizer tokenizer = puna::load_tokenizer(argv[1]);
    for (std::string line; std::getline(std::cin, line);)
        fmt::print("{}\n", fmt::join(encode(tokenizer, Json::parse(line)).ids, " "));
}
