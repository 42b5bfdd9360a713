// covers: src/chat/chat_values.cpp src/chat/chat_template.cpp src/chat/loss_spans.cpp src/chat/prompt.cpp
// src/chat/encode.cpp src/chat/turn_end.cpp src/chat/llama_templates.cpp
#include "chat/encode.h"
#include "chat/llama_templates.h"
#include "chat/messages.h"
#include "chat/turn_end.h"
#include "core/fuzz.h"
#include "tokenizer/train.h"

namespace {

using namespace puna;

// Every byte is in one segment, and only what the template wrote became control tokens.
void check_prompt(const Prompt& prompt, const Tokenizer& tokenizer) {
    size_t at = 0;
    for (const PromptSegment& segment : prompt.segments) {
        check(segment.begin == at && segment.end > at, "segments have gaps");
        at = segment.end;
    }
    check(at == prompt.text.size(), "segments do not cover the text");
    Encoder encoder(tokenizer, 0);
    ChatTokens tokens = encode_prompt(encoder, prompt);
    check(tokens.ids.size() == tokens.loss_mask.size(), "a mask of another size");
    at = 0;
    for (int32_t id : tokens.ids) {  // a byte is a token: positions are known
        size_t end = at + tokenizer.bytes(id).size();
        check(!tokenizer.is_control(id) || !prompt.has_literal(at, end), "words became a control token");
        at = end;
    }
    check(at == prompt.text.size(), "the ids are another text");
}

void check_values(const ChatTemplate& chat, const Tokenizer& tokenizer, ChatValues values) {
    values.limits = {.steps = 20'000, .characters = 1 << 15, .source = 4096, .depth = 200, .range = 1000};
    Prompt prompt = render_prompt(chat, values);
    check_prompt(prompt, tokenizer);
    check_prompt(with_loss(prompt, chat, tokenizer, values), tokenizer);
    values.add_generation_prompt = false;
    check_prompt(render_training_prompt(chat, tokenizer, values), tokenizer);
}

}  // namespace

// A template, or the name of one of Llama's, then a line ==== and the variables as a JSON object.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Tokenizer tokenizer = train_tokenizer({}, {.vocabulary = 272});  // bytes and control tokens
    return fuzz(data, size, [](std::string_view input) {
        live_limit += 256 * input.size() + (4 << 20);
        constexpr std::string_view line = "\n====\n";
        size_t end = std::min(input.find(line), input.size());
        std::string source(input.substr(0, end));
        if (std::optional<LlamaPrompt> llama = find_llama_prompt(source)) source = llama_template(*llama);
        ChatTemplateText found{.origin = "template",
                               .text = source,
                               .tokens = {{"bos_token", "<|begin_of_text|>"}, {"eos_token", "<|eot_id|>"}}};
        ChatTemplate chat(found);
        JsonDocument variables(end == input.size() ? "{}" : input.substr(end + line.size()), "variables",
                               chat_value_limits);
        template_stop_ids(found, tokenizer);
        try {
            check_values(chat, tokenizer, chat.values(variables.root(), "26 Jul 2024"));
        } catch (const Error&) {
        }
        ChatOptions options{.add_generation_prompt = true, .date = std::string(variables.root().text("date", ""))};
        if (std::optional<JsonNode> tools = variables.root().find("tools"))
            for (const JsonNode& tool : tools->items()) options.tools.emplace_back(tool.raw());
        if (std::optional<JsonNode> more = variables.root().find("chat_template_kwargs"))
            options.variables = more->raw();
        check_values(chat, tokenizer, chat.values(read_messages(variables.root().need("messages")), options));
    });
}
