#include "tokenizer/text_tokens.h"

#include "core/error.h"
#include "core/mapped_file.h"

#include <algorithm>

namespace puna {

namespace {

namespace fs = std::filesystem;

struct TextTokenNames {
    std::string_view llama3, field;
};
constexpr TextTokenNames begin_names{llama3_begin_of_text, "bos_token"}, end_names{llama3_end_of_text, "eos_token"};

bool is_needed(std::string_view name) {
    constexpr std::string_view names[] = {"bos_token",     "eos_token",       "bos_token_id",        "eos_token_id",
                                          "add_bos_token", "tokenizer_class", "added_tokens_decoder"};
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

class TextTokens {
 public:
    TextTokens(const Vocabulary& vocabulary, const fs::path& file)
        : vocabulary_(vocabulary),
          file_(file.string()),
          folder_(file.parent_path()),
          tokenizer_config_(folder_ / "tokenizer_config.json", is_needed) {}

    // transformers would add tokens that only the files beside tokenizer.json declare.
    void check_declared() const {
        auto check_one = [this](std::string_view text, const std::string& origin) {
            if (text.empty() || vocabulary_.added.find(text) || vocabulary_.tokens.find(text)) return;
            fail("{}: declares '{}', which is not a token of {}: save the tokenizer again so that its files agree",
                 origin, printable(text), file_);
        };
        if (const JsonValue* declared = tokenizer_config_.find("added_tokens_decoder")) {
            std::string origin = tokenizer_config_.origin("added_tokens_decoder");
            for_each_member(declared->raw, origin, [&](std::string_view, const JsonValue& token) {
                check_one(special_token_text(token, origin).value_or(""), origin);
            });
        }
        fs::path path = folder_ / "added_tokens.json";
        if (!file_exists(path)) return;
        for_each_member(MappedFile(path).text(), path.string(),
                        [&](std::string_view text, const JsonValue&) { check_one(text, path.string()); });
    }

    // LlamaTokenizer replaces the post-processor's template by one that follows add_bos_token, which is true by
    // default.
    TextToken begin() const {
        std::optional<int32_t> own = vocabulary_.added.find(begin_names.llama3);
        if (config_is("tokenizer_class", "\"LlamaTokenizer\"") ||
            config_is("tokenizer_class", "\"LlamaTokenizerFast\"")) {
            if (config_is("add_bos_token", "false")) return {};
            return tokenizer_config_.find(begin_names.field) || !own ? named(begin_names) : TextToken{.id = own};
        }
        if (vocabulary_.begin_of_text) return *vocabulary_.begin_of_text;
        if (own) return {.id = own};
        return tokenizer_config_.exists() ? TextToken{} : named(begin_names);
    }

    TextToken end() const {
        if (std::optional<int32_t> own = vocabulary_.added.find(end_names.llama3)) return {.id = own};
        return named(end_names);
    }

 private:
    bool config_is(std::string_view name, std::string_view raw) const {
        const JsonValue* value = tokenizer_config_.find(name);
        return value && value->raw == raw;
    }

    TextToken named(const TextTokenNames& names) const {
        std::string field(names.field), id = field + "_id";
        JsonFile map(folder_ / "special_tokens_map.json", is_needed);
        for (const JsonFile* file : special_token_files(tokenizer_config_, map))
            if (std::optional<TextToken> token = find(*file, field)) return *token;
        if (std::optional<TextToken> token = find(JsonFile(folder_ / "config.json", is_needed), id)) return *token;
        if (tokenizer_config_.exists()) return {};
        return {.problem =
                    fmt::format("{}: has no token {}, and no tokenizer_config.json beside it names another as {}",
                                file_, names.llama3, names.field)};
    }

    // The value is a text, an id, or a list of them, whose first one counts.
    std::optional<TextToken> find(const JsonFile& file, const std::string& field) const {
        const JsonValue* value = file.find(field);
        if (!value) return {};
        std::string origin = file.origin(field);
        return resolve(first_item(value->raw, origin).value_or(*value), origin);
    }

    // A negative id, usually -1, is none, like null.
    TextToken resolve(const JsonValue& value, const std::string& origin) const {
        if (std::optional<std::string> text = special_token_text(value, origin)) {
            std::optional<int32_t> id = vocabulary_.added.find(*text);
            if (!id) id = vocabulary_.tokens.find(*text);
            if (id) return {.id = id};
            return {.problem =
                        fmt::format("{}: names '{}', which is not a token of {}", origin, printable(*text), file_)};
        }
        std::optional<int64_t> number = integer_of(value);
        if (!number || *number < 0) return {};
        if (std::optional<int32_t> id = vocabulary_.find_id(*number)) return {.id = id};
        return {.problem = fmt::format("{}: is {}, which is not a token of {}", origin, *number, file_)};
    }

    const Vocabulary& vocabulary_;
    std::string file_;
    fs::path folder_;
    JsonFile tokenizer_config_;
};

}  // namespace

std::optional<std::string> special_token_text(const JsonValue& value, std::string_view where) {
    if (value.is_string()) return text_of(value, where);
    std::optional<JsonValue> content = find_member(value.raw, "content", where);
    return content && content->is_string() ? std::optional(text_of(*content, where)) : std::nullopt;
}

std::array<const JsonFile*, 2> special_token_files(const JsonFile& tokenizer_config,
                                                   const JsonFile& special_tokens_map) {
    if (tokenizer_config.find("added_tokens_decoder")) return {&tokenizer_config, &special_tokens_map};
    return {&special_tokens_map, &tokenizer_config};
}

void find_text_tokens(Vocabulary& vocabulary, const fs::path& file) {
    TextTokens tokens(vocabulary, file);
    tokens.check_declared();
    vocabulary.begin_of_text = tokens.begin();
    vocabulary.end_of_text = tokens.end();
}

}  // namespace puna
