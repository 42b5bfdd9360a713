#include "tokenizer/added_token_files.h"

#include "core/error.h"
#include "core/json_file.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/token_roles.h"

#include <charconv>
#include <map>
#include <set>

namespace puna {

namespace {

namespace fs = std::filesystem;

struct Declared {
    std::string content;
    AddedToken flags;
    std::string place;  // for messages
};
using DeclaredTokens = std::map<int32_t, Declared>;

bool flag(JsonNode token, const char* name) {
    std::optional<JsonNode> value = token.find(name);
    return value && value->is_boolean() && value->boolean();
}

void declare(DeclaredTokens& tokens, int64_t id, Declared token) {
    if (id < 0 || id >= max_token_ids)
        fail(ErrorKind::damaged, "{}: token '{}' has id {}, ids are 0 to {}", token.place, printable(token.content), id,
             max_token_ids - 1);
    auto [at, is_new] = tokens.try_emplace(static_cast<int32_t>(id), token);
    if (!is_new && at->second.content != token.content)
        fail(ErrorKind::damaged, "{}: token {} is '{}', and '{}' in {}: the files do not belong together", token.place,
             id, printable(token.content), printable(at->second.content), at->second.place);
    at->second = std::move(token);
}

// Of the name of a member: a number as JSON writes it; -1: it is none.
int64_t parse_id(std::string_view name) {
    int64_t id = -1;
    auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), id);
    bool is_whole = problem == std::errc() && end == name.data() + name.size();
    return is_whole && (name.size() == 1 || name[0] != '0') ? id : -1;
}

// {"32000": {"content": "<pad>", "special": true, ...}, ...}
void read_decoder(DeclaredTokens& tokens, JsonNode decoder) {
    std::string place = decoder.place();
    for (const JsonMember& member : decoder.members()) {
        int64_t id = parse_id(member.name);
        if (id < 0) member.value.reject("is not under the id of a token");
        std::optional<std::string> content = special_token_text(member.value);
        if (!content || content->empty()) member.value.reject("must be an object with a 'content'");
        if (member.value.is_string()) declare(tokens, id, {*content, {.control = true}, place});
        if (!member.value.is_object()) continue;
        AddedToken flags{.control = flag(member.value, "special"),
                         .single_word = flag(member.value, "single_word"),
                         .lstrip = flag(member.value, "lstrip"),
                         .rstrip = flag(member.value, "rstrip"),
                         .normalized = flag(member.value, "normalized")};
        declare(tokens, id, {*content, flags, place});
    }
}

// The texts of bos_token and the like, and of additional_special_tokens.
void add_special_texts(std::set<std::string>& texts, const JsonFile& file) {
    for (const JsonMember& member : file.members()) {
        if (!member.name.ends_with("_token") && member.name != "additional_special_tokens") continue;
        if (!member.value.is_array()) texts.insert(special_token_text(member.value).value_or(""));
        if (!member.value.is_array()) continue;
        for (JsonNode item : member.value.items()) texts.insert(special_token_text(item).value_or(""));
    }
}

// {"<pad>": 32000, ...}
void read_added(DeclaredTokens& tokens, const fs::path& path, const std::set<std::string>& special) {
    JsonFile file(path);
    for (const JsonMember& member : file.members()) {
        std::optional<int64_t> id = member.value.try_integer();
        if (!id) member.value.reject("must be the id of a token");
        if (member.name.empty()) member.value.reject("is the id of an empty token");
        declare(tokens, *id, {member.name, {.control = special.contains(member.name)}, path.string()});
    }
}

// Whether the vocabulary has this token with this id already.
bool is_known(const Vocabulary& vocabulary, int32_t id, const Declared& token) {
    if (vocabulary.token_kind(id) == TokenKind::none) return false;
    std::string_view known = vocabulary.bytes(id);
    if (known == token.content || known == unspell_spaces(token.content)) return true;
    fail(ErrorKind::damaged, "{}: token '{}' has id {}, which is '{}' in the tokenizer: the files belong to two models",
         token.place, printable(token.content), id, printable(known));
}

void add(Vocabulary& vocabulary, const DeclaredTokens& tokens) {
    DeclaredTokens all = tokens;
    for (int32_t id : vocabulary.added.ids())
        all.try_emplace(
            id,
            Declared{std::string(vocabulary.added[id]), vocabulary.added_tokens[*vocabulary.added.index_of(id)], {}});
    std::vector<int32_t> ids;
    size_t bytes = 0;
    for (const auto& [id, token] : all) {
        is_known(vocabulary, id, token);
        ids.push_back(id);
        bytes += token.content.size();
    }
    vocabulary.added = TokenTable(ids, bytes);
    vocabulary.added_tokens.clear();
    for (const auto& [id, token] : all) {
        if (token.content.size() > max_token_bytes)
            fail(ErrorKind::damaged, "{}: token {} has {} bytes, at most {} are supported", token.place, id,
                 token.content.size(), max_token_bytes);
        if (!vocabulary.added.set(id, token.content))
            fail(ErrorKind::damaged, "{}: token '{}' has two ids, {} and {}", token.place, printable(token.content),
                 *vocabulary.added.find(token.content), id);
        vocabulary.added_tokens.push_back(token.flags);
    }
}

void read_prefix(SentencePieceRules& rules, const JsonFile& config) {
    std::optional<JsonNode> legacy = config.find("legacy"), prefix = config.find("add_prefix_space");
    if (prefix && prefix->is_boolean() && !prefix->boolean()) {
        rules.prefix = SpacePrefix::none;
        rules.drop_prefix = false;
    }
    if (legacy && legacy->is_boolean() && !legacy->boolean() && rules.prefix == SpacePrefix::segments) {
        rules.prefix = SpacePrefix::text;
        rules.prefix_unless_space = true;
    }
}

DeclaredTokens read_declared(const fs::path& folder, const JsonFile& config) {
    JsonFile map(folder / "special_tokens_map.json");
    DeclaredTokens tokens;
    std::set<std::string> special;
    add_special_texts(special, config);
    add_special_texts(special, map);
    read_added(tokens, folder / "added_tokens.json", special);
    if (std::optional<JsonNode> decoder = config.find("added_tokens_decoder"); decoder && decoder->is_object())
        read_decoder(tokens, *decoder);
    return tokens;
}

}  // namespace

void read_added_tokens(Vocabulary& vocabulary, const fs::path& file) {
    JsonFile config(file.parent_path() / "tokenizer_config.json");
    add(vocabulary, read_declared(file.parent_path(), config));
    read_prefix(vocabulary.sentencepiece, config);
}

void read_missing_tokens(Vocabulary& vocabulary, const fs::path& file) {
    JsonFile config(file.parent_path() / "tokenizer_config.json");
    DeclaredTokens tokens = read_declared(file.parent_path(), config);
    std::erase_if(tokens, [&](const auto& declared) {
        const std::string& content = declared.second.content;
        return vocabulary.added.find(content) || vocabulary.tokens.find(content);
    });
    if (!tokens.empty()) add(vocabulary, tokens);
}

}  // namespace puna
