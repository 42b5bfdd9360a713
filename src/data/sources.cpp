#include "data/sources.h"

#include "core/error.h"
#include "core/fields.h"
#include "core/hash.h"
#include "core/json_document.h"
#include "core/json_text.h"

#include <algorithm>
#include <optional>

namespace puna {

namespace {

uint64_t hash_of(JsonNode value) {
    if (!value.is_string()) value.reject("must be a string of hexadecimal digits");
    std::string digits = value.text();
    std::optional<uint64_t> hash = parse_hash(digits);
    if (!hash) value.reject(fmt::format("must be 16 hexadecimal digits, not '{}'", printable(digits)));
    return *hash;
}

Source parse_source(JsonNode line) {
    Source source;
    std::vector<Field> known;
    FieldList list(known);
    list("name", source.name, "path");
    list("documents", source.documents, "count", {.min = 0});
    list("tokens", source.tokens, "count", {.min = 0});
    list("bytes", source.bytes, "count", {.min = 0});
    for (Field& field : known)
        if (std::optional<JsonNode> value = line.find(field.name)) set_from_json(field, *value, ErrorKind::damaged);
    if (std::optional<JsonNode> hash = line.find("hash")) source.hash = hash_of(*hash);
    if (source.name.empty()) line.reject("has no 'name'");
    return source;
}

}  // namespace

std::string source_json(const Source& source) {
    JsonText hash = nullptr;
    if (source.hash) hash = hash_digits(source.hash);
    return JsonObject{{"name", source.name},
                      {"hash", hash},
                      {"documents", source.documents},
                      {"tokens", source.tokens},
                      {"bytes", source.bytes}}
        .text();
}

std::vector<Source> parse_sources(std::string_view text, std::string_view path) {
    std::vector<Source> sources;
    while (!text.empty()) {
        size_t end = std::min(text.find('\n'), text.size());
        try {
            JsonDocument line(text.substr(0, end), fmt::format("{}:{}", path, sources.size() + 1));
            sources.push_back(parse_source(line.root()));
        } catch (const Error& problem) {
            fail(problem.kind, "{}; pack the data again", problem.what());
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return sources;
}

}  // namespace puna
