#include "chat/template_files.h"

#include "chat/jinja/json.h"
#include "chat/llama_templates.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_kind.h"
#include "core/json_file.h"
#include "core/mapped_file.h"
#include "core/utf8.h"
#include "tokenizer/text_tokens.h"

#include <algorithm>
#include <optional>
#include <span>

namespace puna {

namespace {

namespace fs = std::filesystem;

bool is_token_name(std::string_view key) { return key.ends_with("_token"); }

bool is_needed(std::string_view name) {
    return name == "chat_template" || name == "added_tokens_decoder" || is_token_name(name);
}

// ---- the template

std::string read_template(const fs::path& path) {
    std::string text = read_text(path);
    if (text.empty()) fail("{}: the template is empty", path.string());
    bool is_utf8 = find_utf8_errors(text).count == 0 && text.find('\0') == text.npos;
    if (!is_utf8)
        fail("{}: not UTF-8 text: convert it, as with iconv -f UTF-16 -t UTF-8, or download it again", path.string());
    reject_foreign_file(text, path.string());
    return text;
}

// Adds {"name": "default", "template": "..."}; templates of other names are not used.
void add_named_template(ChatTemplateText& found, const JsonValue& named) {
    std::string name;
    std::optional<JsonValue> text;
    for_each_member(named.raw, found.origin, [&](std::string_view key, const JsonValue& value) {
        if (key == "name" && value.is_string()) name = text_of(value, found.origin);
        if (key == "template") text = value;
    });
    std::string* destination = name == "default" ? &found.text : name == "tool_use" ? &found.tool_text : nullptr;
    if (name.empty() || (destination && (!text || !text->is_string())))
        fail("{}: each template must have the strings 'name' and 'template'", found.origin);
    if (destination) *destination = text_of(*text, found.origin);
}

bool read_from_config(ChatTemplateText& found, const JsonFile& config) {
    const JsonValue* value = config.find("chat_template");
    if (!value || value->kind == JsonEvent::null) return false;
    found.origin = config.origin("chat_template");
    found.tool_origin = found.origin + " (tool_use)";
    if (value->is_string())
        found.text = text_of(*value, found.origin);
    else if (!value->is_array())
        fail("{}: must be a string or a list of named templates", found.origin);
    for_each_item(value->raw, found.origin, [&](const JsonValue& named) { add_named_template(found, named); });
    if (value->is_string() && found.text.empty()) fail("{}: the template is empty", found.origin);
    if (found.text.empty() && found.tool_text.empty())
        fail("{}: the list has no template named 'default'", found.origin);
    return true;
}

bool read_from_file(const fs::path& path, std::string& origin, std::string& text) {
    if (!file_exists(path)) return false;
    origin = path.string();
    text = read_template(path);
    return true;
}

bool has_llama3_tokens(const Tokenizer& tokenizer) {
    constexpr std::string_view needed[] = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                           "<|eot_id|>"};
    return std::all_of(std::begin(needed), std::end(needed),
                       [&](auto name) { return tokenizer.find_control(name).has_value(); });
}

ChatTemplateText read_templates(const fs::path& folder, const JsonFile& config, const Tokenizer& tokenizer) {
    ChatTemplateText found;
    bool has_own = read_from_file(folder / "chat_template.jinja", found.origin, found.text) ||
                   read_from_config(found, config) ||
                   read_from_config(found, JsonFile(folder / "chat_template.json", is_needed));
    bool has_tools =
        read_from_file(folder / "additional_chat_templates" / "tool_use.jinja", found.tool_origin, found.tool_text);
    std::error_code absent;  // other named templates: which one to use is not said, but Llama's is not among them
    bool has_named = fs::exists(folder / "additional_chat_templates", absent);
    if (!has_own && !has_tools && !has_named && has_llama3_tokens(tokenizer)) {
        bool is_llama3_1 = tokenizer.find_control("<|eom_id|>").has_value();
        found.origin = is_llama3_1 ? "Llama 3.1's chat template" : "Llama 3's chat template";
        found.is_llama3s = true;
        found.text = llama_template(is_llama3_1 ? LlamaPrompt::llama3_1 : LlamaPrompt::llama3);
    }
    if (found.origin.empty()) found.origin = folder.empty() ? "." : folder.string();
    return found;
}

ChatTemplateText read_templates_or_problem(const fs::path& folder, const JsonFile& config, const Tokenizer& tokenizer) {
    try {
        return read_templates(folder, config, tokenizer);
    } catch (const Error& problem) {
        return {.problem = problem.what()};
    }
}

// ---- the special tokens

// The tokenizer's own bos_token, eos_token; empty if it has none.
std::string own_token(const Tokenizer& tokenizer, std::string_view name) {
    // Llama 3's own, even where a text does not begin with it; its turns end with <|eot_id|>.
    std::string_view llama3 = name == "bos_token" ? llama3_begin_of_text : "<|eot_id|>";
    if (tokenizer.find_control(llama3)) return std::string(llama3);
    std::optional<int32_t> id = name == "bos_token" ? tokenizer.find_begin_of_text() : tokenizer.find_end_of_text();
    return id ? std::string(tokenizer.bytes(*id)) : "";
}

// The first file that names a token decides; null means that the model has none.
void read_tokens(ChatTemplateText& found, std::span<const JsonFile* const> configs, const Tokenizer& tokenizer) {
    std::vector<std::string> seen;
    auto is_new = [&](const std::string& name) { return std::find(seen.begin(), seen.end(), name) == seen.end(); };
    for (const JsonFile* config : configs) {
        for (const auto& [name, value] : config->members()) {
            if (!is_token_name(name) || !is_new(name)) continue;
            std::optional<std::string> text = special_token_text(value, config->origin(name));
            if (!text && value.kind != JsonEvent::null) continue;  // add_bos_token: true is a flag
            seen.push_back(name);
            if (text) found.tokens.emplace_back(name, *text);
        }
    }
    for (const char* name : {"bos_token", "eos_token"})
        if (std::string token = own_token(tokenizer, name); is_new(name) && !token.empty())
            found.tokens.emplace_back(name, token);
}

std::string config_text(const ChatTemplateText& found) {
    jinja::Budget budget{jinja::Limits{}};
    auto quoted = [&budget](std::string_view text) {
        return encode_utf8(dump_json(jinja::text_value(text), {}, budget));
    };
    std::string text = "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\"";
    for (const auto& [name, token] : found.tokens) text += fmt::format(",\n  {}: {}", quoted(name), quoted(token));
    text +=
        ",\n  \"clean_up_tokenization_spaces\": false,\n  \"model_input_names\": [\"input_ids\", \"attention_mask\"]";
    auto named = [&](std::string_view name, std::string_view source) {
        return fmt::format("{{\"name\": \"{}\", \"template\": {}}}", name, quoted(source));
    };
    if (!found.tool_text.empty())
        text +=
            fmt::format(",\n  \"chat_template\": [{}{}]", found.text.empty() ? "" : named("default", found.text) + ", ",
                        named("tool_use", found.tool_text));
    else if (!found.text.empty())
        text += fmt::format(",\n  \"chat_template\": {}", quoted(found.text));
    return text + "\n}\n";
}

}  // namespace

ChatTemplateText find_chat_template(const fs::path& path, const Tokenizer& tokenizer) {
    std::error_code ignored;
    fs::path folder = fs::is_directory(path, ignored) ? path : path.parent_path();
    JsonFile config(folder / "tokenizer_config.json", is_needed), tokens(folder / "special_tokens_map.json", is_needed);
    ChatTemplateText found = read_templates_or_problem(folder, config, tokenizer);
    read_tokens(found, special_token_files(config, tokens), tokenizer);
    return found;
}

ChatTemplateText llama3_chat_template(const Tokenizer& tokenizer) {
    ChatTemplateText found{.origin = "Llama 3's chat template"};
    if (has_llama3_tokens(tokenizer)) found.text = llama_template(LlamaPrompt::llama3);
    read_tokens(found, {}, tokenizer);
    return found;
}

void save_chat_template(const ChatTemplateText& found, const fs::path& folder) {
    // transformers prefers the file to the list, so one of several templates must not be in a file.
    if (!found.text.empty() && found.tool_text.empty()) write_file(folder / "chat_template.jinja", found.text);
    write_file(folder / "tokenizer_config.json", config_text(found));
}

}  // namespace puna
