#include "chat/encode.h"
#include "chat/llama_templates.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_argument.h"
#include "cli/terminal.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "library/load.h"
#include "model/adapter.h"
#include "model/source.h"

#include <fmt/core.h>

#include <filesystem>
#include <optional>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view sample_input = R"({"messages": [
    {"role": "user", "content": "Hello!"},
    {"role": "assistant", "content": "Hello! How can I help you?"},
    {"role": "user", "content": "Tell me a story."}], "add_generation_prompt": true})";

struct PromptFlags {
    bool source = false;
    std::string date;
};
template <class F>
void fields(PromptFlags& o, F field) {
    field("source", o.source, "print the template itself");
    field("date", o.date, "what templates take for today, as \"26 Jul 2024\" or 2024-07-26T13:05:09",
          {.word = "DATE", .unset = "the clock's, in UTC"});
}

// A template; of a model or tokenizer with that.
struct PromptMaker {
    std::optional<Tokenizer> tokenizer;
    ChatTemplateText chat;
};

bool is_template_file(const fs::path& path) {
    std::error_code ignored;
    bool is_other = path.extension() == ".json" || path.extension() == ".model" || is_model(path) || is_adapter(path);
    return fs::is_regular_file(path, ignored) && !is_other;
}

PromptMaker find_prompt_maker(const std::string& model, const ModelArgumentOptions& pulling) {
    if (std::optional<LlamaPrompt> llama = find_llama_prompt(model); llama && !file_exists(model))
        return {.chat = {.origin = model, .text = llama_template(*llama)}};
    if (is_template_file(model)) return {.chat = read_template_file(model)};
    PromptFiles files = load_prompt_files(model_path(model, pulling));
    if (files.chat.is_built_in) log_warning("{}: has no chat template: {} is used", model, files.chat.origin);
    return {std::move(files.tokenizer), std::move(files.chat)};
}

JsonList segments_json(const Prompt& prompt) {
    JsonList list;
    for (const PromptSegment& segment : prompt.segments)
        list.add(
            JsonObject{{"text", prompt.text_of(segment)}, {"literal", segment.literal}, {"in_loss", segment.in_loss}});
    return list;
}

// Of a template without a tokenizer only the text.
std::string to_json(const ChatTemplate& chat, const std::optional<Tokenizer>& tokenizer, const ChatValues& values) {
    Prompt prompt = render_prompt(chat, values);
    JsonObject json{{"text", prompt.text}};
    if (!tokenizer) return json.text();
    bool has_mask = true;
    try {
        prompt = with_loss(prompt, chat, *tokenizer, values);
    } catch (const Error& error) {
        has_mask = false;
        prompt.note = error.what();
    }
    Encoder encoder(*tokenizer, 0);
    ChatTokens tokens = encode_prompt(encoder, prompt);
    json.add("ids", tokens.ids);
    json.add("segments", segments_json(prompt));
    json.add("loss_mask", has_mask ? JsonText(tokens.loss_mask) : JsonText(nullptr));
    if (!prompt.note.empty()) json.add("loss_mask_note", prompt.note);
    return json.text();
}

// The text as it is; in a terminal what the template wrote is gray.
void print(const Prompt& prompt) {
    if (!prints_to_terminal()) return print_now(prompt.text);
    for (const PromptSegment& segment : prompt.segments) {
        std::string text = without_controls(prompt.text_of(segment));
        print_now(segment.literal ? text : dimmed(text));
    }
    if (!prompt.text.ends_with('\n')) print_now("\n");
}

}  // namespace

int run_prompt(Arguments arguments) {
    std::string model, file;
    PromptFlags options;
    ModelArgumentOptions pulling;
    Flags flags(
        "prompt",
        "Print the prompt that a chat template makes of a conversation: what a model sees. INPUT is a JSON object "
        "whose "
        "members are the template's variables: messages, tools, add_generation_prompt (true: end where the answer "
        "begins) and any other. With --json each segment says whether it is literal (words of a message, which are "
        "never "
        "control tokens) and in the loss in training. Without INPUT it is a short sample conversation.",
        "puna prompt models/starter\n"
        "puna prompt models/starter --json\n"
        "puna prompt llama3.2 --source > chat_template.jinja\n"
        "echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi!\"}]}' | puna prompt models/starter -");
    flags.positional(
        "MODEL", model,
        "model, tokenizer, a file with a template (.jinja), or one of Llama's own templates: llama2, llama3, "
        "llama3.1, llama3.2, llama3.3");
    flags.positional("INPUT", file, "the variables, as JSON; - reads standard input [a sample conversation]", false);
    flags.add(list_fields(options));
    flags.add(list_fields(pulling));
    flags.add_json("print one JSON object: text and, of a model, ids, segments and loss_mask");
    if (!flags.parse(arguments)) return 0;
    PromptMaker found = find_prompt_maker(model, pulling);
    if (!found.tokenizer && file.empty())  // names in their place: which they are, the template does not say
        found.chat.tokens = {{"bos_token", "<bos_token>"}, {"eos_token", "<eos_token>"}};
    ChatTemplate chat(found.chat);
    if (options.source) {
        print_now(found.chat.text.empty() ? found.chat.tool_text : found.chat.text);
        return 0;
    }
    std::string text = file.empty() ? std::string(sample_input) : read_text(file);
    JsonDocument input(text, file.empty() ? "the sample conversation" : input_name(file), chat_value_limits);
    ChatValues values = chat.values(input.root(), options.date);
    if (flags.json())
        print_now(to_json(chat, found.tokenizer, values) + "\n");
    else
        print(render_prompt(chat, values));
    return 0;
}

}  // namespace puna
