#include "chat/template_files.h"

#include "chat/jinja/json.h"
#include "chat/llama_templates.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/mapped_file.h"

#include <algorithm>

namespace puna {

using jinja::Value;

namespace {

namespace fs = std::filesystem;

constexpr size_t max_file_size = 64 << 20;  // bytes

bool file_exists(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

// The JSON object in a file; empty if the file does not exist.
class JsonFile {
 public:
    explicit JsonFile(const fs::path& path) : path_(path.string()) {
        if (!file_exists(path)) return;
        MappedFile file(path);
        if (file.text().size() > max_file_size)
            fail("{}: the file has {} bytes, the limit is {}", path_, file.text().size(), max_file_size);
        limits_.characters += 64 * static_cast<int64_t>(file.text().size());
        jinja::Budget budget(limits_);
        value_ = parse_json(file.text(), path_, budget);
        if (!value_.is_dict()) fail("{}: not a JSON object: download it again or remove it", path_);
    }

    const Value* find(std::string_view key) const { return find_in(value_, key); }
    const Value* find_in(const Value& object, std::string_view key) const {
        jinja::Budget budget(limits_);
        return object.is_dict() ? object.dict().find(jinja::text_value(key), budget) : nullptr;
    }
    // For error messages: "tokenizer_config.json: chat_template".
    std::string origin(std::string_view key) const { return fmt::format("{}: {}", path_, key); }
    const Value& value() const { return value_; }

 private:
    std::string path_;
    jinja::Limits limits_;
    Value value_;
};

std::string bytes_of(const Value& value) { return encode_utf8(value.text()); }

// ---- the template

std::string text_in(const JsonFile& config, const Value& named, std::string_view key) {
    const Value* value = config.find_in(named, key);
    if (!value || !value->is_text())
        fail("{}: each template must have the strings 'name' and 'template'", config.origin("chat_template"));
    return bytes_of(*value);
}

// [{"name": "default", "template": "..."}, ...]
void read_named_templates(ChatTemplateText& found, const JsonFile& config, const Value& list) {
    for (const Value& named : list.items()) {
        std::string name = text_in(config, named, "name"), text = text_in(config, named, "template");
        if (name == "default") found.text = text;
        if (name == "tool_use") found.tool_text = text;
    }
    found.tool_origin = found.origin + " (tool_use)";
    if (found.text.empty()) fail("{}: the list has no template named 'default'", config.origin("chat_template"));
}

bool read_from_config(ChatTemplateText& found, const JsonFile& config) {
    const Value* value = config.find("chat_template");
    if (!value || value->is_none()) return false;
    found.origin = config.origin("chat_template");
    if (value->is_text())
        found.text = bytes_of(*value);
    else if (value->is_list())
        read_named_templates(found, config, *value);
    else
        fail("{}: must be a string or a list of named templates", found.origin);
    if (found.text.empty()) fail("{}: the template is empty", found.origin);
    return true;
}

bool read_from_file(ChatTemplateText& found, const fs::path& folder) {
    fs::path path = folder / "chat_template.jinja", tools = folder / "additional_chat_templates" / "tool_use.jinja";
    if (!file_exists(path)) return false;
    found.origin = path.string();
    found.text = read_text(path);
    if (found.text.empty()) fail("{}: the template is empty", found.origin);
    if (!file_exists(tools)) return true;
    found.tool_origin = tools.string();
    found.tool_text = read_text(tools);
    return true;
}

// ---- the special tokens

bool is_token_name(std::string_view key) { return key.ends_with("_token"); }

// A string, or an AddedToken: {"content": "<s>", ...}. None for other values.
std::optional<std::string> token_text(const JsonFile& config, const Value& value) {
    if (value.is_text()) return bytes_of(value);
    const Value* content = config.find_in(value, "content");
    return content && content->is_text() ? std::optional(bytes_of(*content)) : std::nullopt;
}

std::string llama_token(const Tokenizer& tokenizer, std::string_view name) {
    auto first_of = [&](std::initializer_list<const char*> names) {
        auto at =
            std::find_if(names.begin(), names.end(), [&](const char* each) { return tokenizer.find_control(each); });
        return at == names.end() ? std::string() : std::string(*at);
    };
    if (name == "bos_token") return first_of({"<|begin_of_text|>"});
    return first_of({"<|eot_id|>", "<|end_of_text|>"});  // the end of a turn, if the vocabulary has one
}

// The first file that names a token decides; null means that the model has none.
void read_tokens(ChatTemplateText& found, std::initializer_list<const JsonFile*> configs, const Tokenizer& tokenizer) {
    std::vector<std::string> seen;
    auto is_new = [&](const std::string& name) { return std::find(seen.begin(), seen.end(), name) == seen.end(); };
    for (const JsonFile* config : configs) {
        if (!config->value().is_dict()) continue;
        for (const auto& [key, value] : config->value().dict().items()) {
            std::string name = bytes_of(key);
            if (!is_token_name(name) || !is_new(name)) continue;
            std::optional<std::string> text = token_text(*config, value);
            if (!text && !value.is_none()) continue;  // add_bos_token: true is a flag
            seen.push_back(name);
            if (text) found.tokens.emplace_back(name, *text);
        }
    }
    for (const char* name : {"bos_token", "eos_token"})
        if (std::string token = llama_token(tokenizer, name); is_new(name) && !token.empty())
            found.tokens.emplace_back(name, token);
}

bool has_llama3_tokens(const Tokenizer& tokenizer) {
    constexpr std::string_view needed[] = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                           "<|eot_id|>"};
    return std::all_of(std::begin(needed), std::end(needed),
                       [&](auto name) { return tokenizer.find_control(name).has_value(); });
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
    if (!found.tool_text.empty())
        text += fmt::format(
            ",\n  \"chat_template\": [{{\"name\": \"default\", \"template\": {}}}, {{\"name\": \"tool_use\", "
            "\"template\": {}}}]",
            quoted(found.text), quoted(found.tool_text));
    else if (!found.text.empty())
        text += fmt::format(",\n  \"chat_template\": {}", quoted(found.text));
    return text + "\n}\n";
}

}  // namespace

ChatTemplateText find_chat_template(const fs::path& path, const Tokenizer& tokenizer) {
    std::error_code ignored;
    fs::path folder = fs::is_directory(path, ignored) ? path : path.parent_path();
    JsonFile config(folder / "tokenizer_config.json"), tokens(folder / "special_tokens_map.json");
    ChatTemplateText found;
    bool has_own = read_from_file(found, folder) || read_from_config(found, config) ||
                   read_from_config(found, JsonFile(folder / "chat_template.json"));
    if (!has_own && has_llama3_tokens(tokenizer)) {
        bool is_llama3_1 = tokenizer.find_control("<|eom_id|>").has_value();
        found.origin = is_llama3_1 ? "Llama 3.1's chat template" : "Llama 3's chat template";
        found.text = llama_template(is_llama3_1 ? LlamaPrompt::llama3_1 : LlamaPrompt::llama3);
    }
    if (found.origin.empty()) found.origin = folder.empty() ? "." : folder.string();
    read_tokens(found, {&config, &tokens}, tokenizer);
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
