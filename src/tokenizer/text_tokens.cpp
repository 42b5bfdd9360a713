#include "tokenizer/text_tokens.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/json_value.h"
#include "core/mapped_file.h"

namespace puna {

namespace {

namespace fs = std::filesystem;

// The source text of a member of the JSON object in a file; none without such a file or member.
std::optional<std::string> find_member(const fs::path& path, std::string_view name) {
    if (!file_exists(path)) return {};
    MappedFile file(path);
    std::optional<std::string> found;
    bool object = for_each_member(file.text(), path.string(), [&](std::string_view key, const JsonValue& value) {
        if (key == name) found = value.raw;
    });
    if (!object) fail("{}: not a JSON object: download it again or remove it", path.string());
    return found;
}

// The first string, or that of "content" in {"content": "<s>", ...}; the first integer. The others are null.
struct Named {
    std::optional<std::string> text;
    std::optional<int64_t> id;
};

Named read_named(std::string_view json, const std::string& where) {
    Named named;
    bool wanted = true;
    read_json(json, where, [&](const JsonEvent& event) {
        if (event.kind == JsonEvent::key) wanted = event.text == "content";
        if (event.depth > 1 || !wanted) return;
        if (event.kind == JsonEvent::string && !named.text) named.text = event.text;
        if (event.kind == JsonEvent::integer && !named.id) named.id = event.integer_value;
    });
    return named;
}

// The token that the value of a field names. A negative id, usually -1, is none, like null.
TextToken resolve(const Vocabulary& vocabulary, const Named& named, const std::string& origin, const fs::path& file) {
    if (named.text) {
        std::optional<int32_t> id = vocabulary.added.find(*named.text);
        if (!id) id = vocabulary.tokens.find(*named.text);
        if (id) return {.id = id};
        return {.problem = fmt::format("{}: names '{}', which is not a token of {}", origin, printable(*named.text),
                                       file.string())};
    }
    if (!named.id || *named.id < 0) return {};
    std::optional<int32_t> id = checked_cast<int32_t>(*named.id);
    if (id && *id < vocabulary.size() && vocabulary.kind(*id) != TokenKind::none) return {.id = id};
    return {.problem = fmt::format("{}: is {}, which is not a token of {}", origin, *named.id, file.string())};
}

}  // namespace

TextToken find_text_token(const Vocabulary& vocabulary, const TextTokenNames& names, const fs::path& file) {
    if (std::optional<int32_t> own = vocabulary.added.find(names.llama3)) return {.id = own};
    fs::path folder = file.parent_path();
    for (auto [name, suffix] : {std::pair("tokenizer_config.json", ""), std::pair("special_tokens_map.json", ""),
                                std::pair("config.json", "_id")}) {
        std::string field = std::string(names.field) + suffix, origin = (folder / name).string() + ": " + field;
        if (std::optional<std::string> json = find_member(folder / name, field))
            return resolve(vocabulary, read_named(*json, origin), origin, file);
    }
    if (file_exists(folder / "tokenizer_config.json")) return {};
    return {.problem = fmt::format("{}: has no token {}, and no tokenizer_config.json beside it names another as {}",
                                   file.string(), names.llama3, names.field)};
}

}  // namespace puna
