#include "data/sources.h"

#include "core/error.h"
#include "core/fields.h"
#include "core/json_value.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

uint64_t parse_hash(const JsonValue& value) {
    if (!value.is_string()) fail("hash must be a string of hexadecimal digits");
    std::string digits = text_of(value, "hash");
    uint64_t hash = 0;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), hash, 16);
    if (problem != std::errc() || end != digits.data() + digits.size())
        fail("hash must be a hexadecimal number of 64 bits, not '{}'", printable(digits));
    return hash;
}

Source parse_source(std::string_view line) {
    Source source;
    std::vector<Field> known;
    FieldList list(known);
    list("name", source.name, "path");
    list("documents", source.documents, "count", {.min = 0});
    list("tokens", source.tokens, "count", {.min = 0});
    list("bytes", source.bytes, "count", {.min = 0});
    bool object = for_each_member(line, "line", [&](std::string_view name, const JsonValue& value) {
        for (Field& field : known)
            if (field.name == name) set_from_json(field, value);
        if (name == "hash" && value.kind != JsonEvent::null) source.hash = parse_hash(value);
    });
    if (!object || source.name.empty()) fail("not a JSON object with the field 'name'");
    return source;
}

}  // namespace

std::string source_json(const Source& source) {
    nlohmann::ordered_json hash = source.hash ? nlohmann::ordered_json(fmt::format("{:016x}", source.hash)) : nullptr;
    return nlohmann::ordered_json{{"name", source.name},
                                  {"hash", hash},
                                  {"documents", source.documents},
                                  {"tokens", source.tokens},
                                  {"bytes", source.bytes}}
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<Source> parse_sources(std::string_view text, std::string_view path) {
    std::vector<Source> sources;
    while (!text.empty()) {
        size_t end = std::min(text.find('\n'), text.size());
        try {
            sources.push_back(parse_source(text.substr(0, end)));
        } catch (const Error& problem) {
            fail("{}:{}: {}; pack the data again", path, sources.size() + 1, problem.what());
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return sources;
}

}  // namespace puna
