#include "tokenizer/chat_template_files.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_kind.h"
#include "core/json_file.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/utf8.h"
#include "tokenizer/token_roles.h"

#include <algorithm>
#include <optional>
#include <span>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr size_t max_special_tokens = 256;

bool is_token_name(std::string_view key) { return key.ends_with("_token"); }

// ---- the template

std::string read_template(const fs::path& path) {
    std::string text(MappedFile(path).text());
    if (text.empty()) fail("{}: the template is empty", path.string());
    bool is_utf8 = find_utf8_errors(text).count == 0 && text.find('\0') == text.npos;
    if (!is_utf8)
        fail("{}: not UTF-8 text: convert it, as with iconv -f UTF-16 -t UTF-8, or download it again", path.string());
    reject_foreign_file(text, path.string());
    return text;
}

bool is_used_name(std::string_view name) { return name == "default" || name == "tool_use"; }

// A string, or a list of {"name": "default", "template": "..."}. Throws Error for anything else: unlike a template that
// cannot be used, this is a damaged file.
void check_type(const JsonFile& config) {
    std::optional<JsonNode> value = config.find("chat_template");
    if (!value || value->is_string()) return;
    if (!value->is_array()) value->reject("must be a string or a list of named templates");
    for (JsonNode named : value->items()) {
        if (!named.is_object()) named.reject("must be an object with 'name' and 'template'");
        auto is_string = [&named](const char* field) {
            std::optional<JsonNode> text = named.find(field);
            return text && text->is_string();
        };
        if (!is_string("name")) named.reject("must have the string 'name'");
        if (is_used_name(named.need("name").text()) && !is_string("template"))
            named.reject("must have the string 'template'");
    }
}

// Of a list the templates `default` and `tool_use`; others are not used.
bool read_from_config(ChatTemplateText& found, const JsonFile& config) {
    std::optional<JsonNode> value = config.find("chat_template");
    if (!value) return false;
    found.origin = value->place();
    found.tool_origin = found.origin + " (tool_use)";
    if (value->is_string()) {
        found.text = value->text();
        if (found.text.empty()) fail("{}: the template is empty", found.origin);
        return true;
    }
    for (JsonNode named : value->items()) {
        std::string name = named.need("name").text();
        if (name == "default") found.text = named.need("template").text();
        if (name == "tool_use") found.tool_text = named.need("template").text();
    }
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

ChatTemplateText read_templates(const fs::path& folder, const JsonFile& config, const JsonFile& other_config) {
    ChatTemplateText found;
    bool has_own = read_from_file(folder / "chat_template.jinja", found.origin, found.text) ||
                   read_from_config(found, config) || read_from_config(found, other_config);
    bool has_tools =
        read_from_file(folder / "additional_chat_templates" / "tool_use.jinja", found.tool_origin, found.tool_text);
    std::error_code absent;
    found.has_other_names = !has_own && !has_tools && fs::exists(folder / "additional_chat_templates", absent);
    if (found.origin.empty()) found.origin = folder.empty() ? "." : folder.string();
    return found;
}

ChatTemplateText read_templates_or_problem(const fs::path& folder, const JsonFile& config) {
    JsonFile other_config(folder / "chat_template.json");
    check_type(config);
    check_type(other_config);
    try {
        return read_templates(folder, config, other_config);
    } catch (const Error& problem) {
        return {.problem = problem.what()};
    }
}

// ---- the special tokens

// The tokenizer's own bos_token, eos_token; empty if it has none. A turn ends with eot where there is one.
std::string own_token(const Tokenizer& tokenizer, std::string_view name) {
    const TokenRoles& roles = tokenizer.roles();
    std::optional<int32_t> id = name == "bos_token" ? roles.bos : roles.eot ? roles.eot : roles.eos;
    return id ? std::string(tokenizer.bytes(*id)) : "";
}

// The first file that names a token decides; null means that the model has none.
void read_tokens(ChatTemplateText& found, std::span<const JsonFile* const> configs, const Tokenizer& tokenizer) {
    std::vector<std::string> seen;
    auto is_new = [&](const std::string& name) { return std::find(seen.begin(), seen.end(), name) == seen.end(); };
    for (const JsonFile* config : configs) {
        for (const JsonMember& member : config->members()) {
            const std::string& name = member.name;
            if (!is_token_name(name) || !is_new(name)) continue;
            std::optional<std::string> text = special_token_text(member.value);
            if (!text && !member.value.is_null()) continue;  // add_bos_token: true is a flag
            seen.push_back(name);
            if (seen.size() > max_special_tokens)
                member.value.reject(fmt::format("is one of more than {} tokens", max_special_tokens));
            if (text) found.tokens.emplace_back(name, *text);
        }
    }
    for (const char* name : {"bos_token", "eos_token"})
        if (std::string token = own_token(tokenizer, name); is_new(name) && !token.empty())
            found.tokens.emplace_back(name, token);
}

std::string config_text(const ChatTemplateText& found, const Tokenizer& tokenizer) {
    JsonObject json{{"tokenizer_class", "PreTrainedTokenizerFast"}};
    for (const auto& [name, token] : found.tokens) json.add(name, token);
    bool has_pad =
        std::any_of(found.tokens.begin(), found.tokens.end(), [](auto& t) { return t.first == "pad_token"; });
    if (std::optional<int32_t> pad = tokenizer.roles().pad; pad && !has_pad)
        json.add("pad_token", tokenizer.bytes(*pad));
    json.add("clean_up_tokenization_spaces", false);
    json.add("model_input_names", std::vector<std::string>{"input_ids", "attention_mask"});
    JsonList list;
    if (!found.text.empty()) list.add(JsonObject{{"name", "default"}, {"template", found.text}});
    if (!found.tool_text.empty()) list.add(JsonObject{{"name", "tool_use"}, {"template", found.tool_text}});
    if (!found.tool_text.empty())
        json.add("chat_template", list);
    else if (!found.text.empty())
        json.add("chat_template", found.text);
    return indent_json(json.text(), 2, 1) + "\n";
}

}  // namespace

ChatTemplateText read_chat_template(const fs::path& path, const Tokenizer& tokenizer) {
    std::error_code ignored;
    fs::path folder = fs::is_directory(path, ignored) ? path : path.parent_path();
    JsonFile config(folder / "tokenizer_config.json"), tokens(folder / "special_tokens_map.json");
    ChatTemplateText found = read_templates_or_problem(folder, config);
    read_tokens(found, special_token_files(config, tokens), tokenizer);
    return found;
}

ChatTemplateText read_template_file(const fs::path& path) {
    return {.origin = path.string(), .text = read_template(path)};
}

ChatTemplateText special_tokens_of(const Tokenizer& tokenizer) {
    ChatTemplateText found;
    read_tokens(found, {}, tokenizer);
    return found;
}

void set_special_token(ChatTemplateText& found, std::string_view name, std::string_view token) {
    std::erase_if(found.tokens, [&](const auto& known) { return known.first == name; });
    found.tokens.emplace_back(name, token);
}

ChatTemplateText text_only(const ChatTemplateText& found, const Tokenizer& tokenizer) {
    ChatTemplateText text{.tokens = found.tokens};
    if (std::optional<int32_t> end = tokenizer.find_end_of_text())
        set_special_token(text, "eos_token", tokenizer.bytes(*end));
    return text;
}

void save_chat_template(const ChatTemplateText& found, const Tokenizer& tokenizer, const fs::path& folder) {
    // transformers prefers the file to the list, so one of several templates must not be in a file.
    if (!found.text.empty() && found.tool_text.empty()) write_file(folder / "chat_template.jinja", found.text);
    write_file(folder / "tokenizer_config.json", config_text(found, tokenizer));
}

}  // namespace puna
