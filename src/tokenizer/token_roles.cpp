#include "tokenizer/token_roles.h"

#include "core/error.h"

#include <algorithm>

namespace puna {

namespace {

namespace fs = std::filesystem;

struct TextTokenNames {
    std::string_view llama3, field;
    std::optional<int32_t> TokenRoles::*role;
};
constexpr TextTokenNames begin_names{"<|begin_of_text|>", "bos_token", &TokenRoles::bos},
    end_names{"<|end_of_text|>", "eos_token", &TokenRoles::eos};

struct RoleName {
    std::string_view name;
    std::optional<int32_t> TokenRoles::*role;
};
// Of several with one role the first that the vocabulary has. Llama 3 has no token for padding, Llama 3.1 does.
constexpr RoleName control_roles[] = {{"<|eot_id|>", &TokenRoles::eot},
                                      {"<|im_end|>", &TokenRoles::eot},
                                      {"<|end_of_turn|>", &TokenRoles::eot},
                                      {"<end_of_turn>", &TokenRoles::eot},
                                      {"<|end|>", &TokenRoles::eot},
                                      {"<|EOT|>", &TokenRoles::eot},
                                      {"<|eom_id|>", &TokenRoles::eom},
                                      {"<|start_header_id|>", &TokenRoles::header_begin},
                                      {"<|end_header_id|>", &TokenRoles::header_end},
                                      {"<|finetune_right_pad_id|>", &TokenRoles::pad},
                                      {"<|reserved_special_token_0|>", &TokenRoles::pad}};

// Added tokens that end generation whatever else does: what models of other families write after a turn or a text.
constexpr std::string_view end_token_names[] = {
    "<|eot_id|>",    "<|eom_id|>",    "<|end_of_text|>", "<|im_end|>", "<|end|>", "<|end_of_turn|>",      "<eoa>",
    "<end_of_turn>", "<|endoftext|>", "<|EOT|>",         "<EOT>",      "</s>",    "<｜end▁of▁sentence｜>"};

constexpr std::string_view llama3_controls[] = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                                "<|eot_id|>"};

class TextTokens {
 public:
    TextTokens(const Vocabulary& vocabulary, const fs::path& file)
        : vocabulary_(vocabulary),
          file_(file.string()),
          folder_(file.parent_path()),
          tokenizer_config_(folder_ / "tokenizer_config.json") {}

    // Beyond it the embedding has no row, and merging would produce the id.
    void check_size() const {
        JsonFile config(folder_ / "config.json");
        std::optional<JsonNode> size = config.find("vocab_size");
        std::optional<int64_t> rows = size ? size->try_integer() : std::nullopt;
        if (!rows || vocabulary_.tokens.end() <= *rows) return;
        int32_t last = vocabulary_.tokens.end() - 1;
        fail(ErrorKind::damaged,
             "{}: token '{}' has id {}, but the model's vocab_size is {}: the files belong to two models", file_,
             printable(vocabulary_.tokens[last]), last, *rows);
    }

    // LlamaTokenizer replaces the post-processor's template by one that follows add_bos_token, which is true by
    // default.
    TextToken begin() const {
        std::optional<int32_t> own = vocabulary_.added.find(begin_names.llama3);
        if (config_is("tokenizer_class", "\"LlamaTokenizer\"") ||
            config_is("tokenizer_class", "\"LlamaTokenizerFast\"")) {
            if (config_is("add_bos_token", "false")) return {};
            return tokenizer_config_.find_any(begin_names.field) || !own ? named(begin_names) : TextToken{.id = own};
        }
        if (vocabulary_.begin_of_text) return *vocabulary_.begin_of_text;
        if (own) return {.id = own};
        return tokenizer_config_.exists() ? TextToken{} : named(begin_names);
    }

    TextToken end() const {
        if (std::optional<int32_t> own = vocabulary_.added.find(end_names.llama3)) return {.id = own};
        return named(end_names);
    }

    // What the tokenizer's files name, which ends generation even where Llama 3's own token ends a text.
    std::optional<int32_t> named_end() const { return special_token(end_names).value_or(TextToken{}).id; }

 private:
    bool config_is(std::string_view name, std::string_view raw) const {
        std::optional<JsonNode> value = tokenizer_config_.find(name);
        return value && value->raw() == raw;
    }

    std::optional<TextToken> special_token(const TextTokenNames& names) const {
        JsonFile map(folder_ / "special_tokens_map.json");
        for (const JsonFile* file : special_token_files(tokenizer_config_, map))
            if (std::optional<TextToken> token = find(*file, std::string(names.field))) return token;
        return {};
    }

    TextToken named(const TextTokenNames& names) const {
        if (std::optional<TextToken> token = special_token(names)) return *token;
        // The config.json of the first conversions of Llama 1 has other ids than its tokenizer.model.
        if (std::optional<int32_t> own = vocabulary_.named.*names.role) return {.id = own};
        if (std::optional<TextToken> token = find(JsonFile(folder_ / "config.json"), fmt::format("{}_id", names.field)))
            return *token;
        if (tokenizer_config_.exists()) return {};
        return {.problem =
                    fmt::format("{}: has no token {}, and no tokenizer_config.json beside it names another as {}",
                                file_, names.llama3, names.field)};
    }

    // The value is a text, an id, or a list of them, whose first one counts. An empty text is none.
    std::optional<TextToken> find(const JsonFile& file, const std::string& field) const {
        std::optional<JsonNode> value = file.find_any(field);
        if (!value || special_token_text(*value) == "") return {};
        std::vector<JsonNode> list = value->is_array() ? value->items() : std::vector<JsonNode>();
        return resolve(list.empty() ? *value : list[0], value->place());
    }

    // A negative id, usually -1, is none, like null.
    TextToken resolve(JsonNode value, std::string_view origin) const {
        if (std::optional<std::string> text = special_token_text(value)) {
            std::optional<int32_t> id = vocabulary_.added.find(*text);
            if (!id) id = vocabulary_.tokens.find(*text);
            if (id) return {.id = id};
            return {.problem =
                        fmt::format("{}: names '{}', which is not a token of {}", origin, printable(*text), file_)};
        }
        std::optional<int64_t> number = value.try_integer();
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

void assign_roles(Vocabulary& vocabulary, std::string_view source) {
    const TokenRoles& named = vocabulary.named;
    auto complete = [&](std::optional<TextToken>& token, const TextTokenNames& names) {
        if (token) return;
        token = TextToken{.id = vocabulary.added.find(names.llama3)};
        if (!token->id) token->id = named.*names.role;
        if (!token->id) token->problem = fmt::format("{}: has no token {}", source, names.llama3);
    };
    complete(vocabulary.begin_of_text, begin_names);
    complete(vocabulary.end_of_text, end_names);
    auto control = [&](std::string_view name) {
        std::optional<int32_t> id = vocabulary.added.find(name);
        return id && vocabulary.token_kind(*id) == TokenKind::control ? id : std::nullopt;
    };
    TokenRoles& roles = vocabulary.roles = named;
    if (!roles.bos) roles.bos = vocabulary.begin_of_text->id;
    if (!roles.bos) roles.bos = vocabulary.added.find(begin_names.llama3);
    if (vocabulary.end_of_text->id || !roles.eos) roles.eos = vocabulary.end_of_text->id;
    for (const RoleName& known : control_roles)
        if (!(roles.*known.role)) roles.*known.role = control(known.name);
    for (std::optional<int32_t> id : {named.eos, roles.eos, roles.eot, roles.eom})
        if (id) roles.ends.push_back(*id);
    for (std::string_view name : end_token_names)
        if (std::optional<int32_t> id = vocabulary.added.find(name)) roles.ends.push_back(*id);
    std::sort(roles.ends.begin(), roles.ends.end());
    roles.ends.erase(std::unique(roles.ends.begin(), roles.ends.end()), roles.ends.end());
}

bool is_turn_end_name(std::string_view text) {
    return text.starts_with("<|") &&
           std::find(std::begin(end_token_names), std::end(end_token_names), text) != std::end(end_token_names);
}

bool has_llama3_controls(const Vocabulary& vocabulary) {
    return std::all_of(std::begin(llama3_controls), std::end(llama3_controls), [&](std::string_view name) {
        std::optional<int32_t> id = vocabulary.added.find(name);
        return id && vocabulary.token_kind(*id) == TokenKind::control;
    });
}

std::optional<std::string> special_token_text(JsonNode value) {
    if (value.is_string()) return value.text();
    std::optional<JsonNode> content = value.is_object() ? value.find("content") : std::nullopt;
    return content && content->is_string() ? std::optional(content->text()) : std::nullopt;
}

std::array<const JsonFile*, 2> special_token_files(const JsonFile& tokenizer_config,
                                                   const JsonFile& special_tokens_map) {
    if (tokenizer_config.find("added_tokens_decoder")) return {&tokenizer_config, &special_tokens_map};
    return {&special_tokens_map, &tokenizer_config};
}

void find_text_tokens(Vocabulary& vocabulary, const fs::path& file) {
    TextTokens tokens(vocabulary, file);
    tokens.check_size();
    std::optional<int32_t> named_end = tokens.named_end();
    vocabulary.begin_of_text = tokens.begin();
    vocabulary.end_of_text = tokens.end();
    if (named_end) vocabulary.named.eos = named_end;
}

}  // namespace puna
