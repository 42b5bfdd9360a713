#include "tokenizer/post_processor.h"

#include "core/error.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "tokenizer/merge_list.h"
#include "tokenizer/tokenizer_json_settings.h"

#include <utility>
#include <vector>

namespace puna {

namespace {

constexpr std::string_view byte_level =
    R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true})";

class PostProcessor {
 public:
    PostProcessor(const Vocabulary& vocabulary, std::string_view path) : vocabulary_(vocabulary), path_(path) {}

    // No id: the template puts none. Unset: there is no template.
    std::optional<TextToken> read(JsonNode processor, int depth = 0) const {
        std::optional<JsonNode> type = member(processor, "type");
        if (!type || type->raw() == "\"ByteLevel\"") return {};
        if (type->raw() == "\"TemplateProcessing\"") return read_template(processor);
        if (type->raw() != "\"Sequence\"")
            return problem("is of the type {}, which is not supported", printable(type->raw()));
        std::optional<TextToken> found;
        for (JsonNode one : items(member(processor, "processors"))) {
            if (depth == max_depth) fail("{}: post_processor: sequences nest more than {} deep", path_, max_depth);
            if (std::optional<TextToken> token = read(one, depth + 1)) found = token;
        }
        return found;
    }

 private:
    TextToken read_template(JsonNode processor) const {
        std::vector<std::string> before;  // the text
        bool in_front = true;
        for (JsonNode piece : items(member(processor, "single"))) {
            std::optional<JsonNode> name = member(member(piece, "SpecialToken"), "id");
            in_front = in_front && name && name->is_string();
            if (in_front) before.push_back(name->text());
        }
        if (before.empty()) return {};
        if (before.size() > 1) return problem("puts {} tokens before a text, which is not supported", before.size());
        std::vector<JsonNode> ids = items(member(member(member(processor, "special_tokens"), before[0]), "ids"));
        if (ids.size() > 1) return problem("puts {} tokens before a text, which is not supported", ids.size());
        std::optional<int64_t> id = ids.empty() ? std::nullopt : ids[0].try_integer();
        if (std::optional<int32_t> known = vocabulary_.find_id(id.value_or(-1))) return {.id = known};
        return problem("begins with '{}', which is not a token", printable(before[0]));
    }

    // None, or no items, for values of other kinds.
    static std::optional<JsonNode> member(std::optional<JsonNode> object, std::string_view name) {
        return object && object->is_object() ? object->find(name) : std::nullopt;
    }
    static std::vector<JsonNode> items(std::optional<JsonNode> list) {
        return list && list->is_array() ? list->items() : std::vector<JsonNode>();
    }
    template <class... Args>
    TextToken problem(fmt::format_string<Args...> format, Args&&... args) const {
        return {.problem =
                    fmt::format("{}: post_processor ", path_) + fmt::format(format, std::forward<Args>(args)...)};
    }

    static constexpr int max_depth = 8;
    const Vocabulary& vocabulary_;
    std::string_view path_;
};

// Byte-level BPE has a processor of its own first.
std::string with_byte_level(const Vocabulary& vocabulary, const std::string& template_json) {
    if (vocabulary.kind != VocabularyKind::byte_bpe) return template_json;
    return fmt::format(R"({{"type": "Sequence", "processors": [
    {},
    {}]}})",
                       byte_level, template_json);
}

}  // namespace

std::optional<TextToken> read_post_processor(std::string_view json, std::string_view path,
                                             const Vocabulary& vocabulary) {
    if (json.empty()) return {};
    JsonDocument document(json, fmt::format("{}: post_processor", path), settings_limits);
    return PostProcessor(vocabulary, path).read(document.root());
}

// Prepends the token that begins a text, as Llama 3's does. Where a text begins without one, a template says so: else
// a reader would expect Llama 3's.
std::string post_processor_json(const Vocabulary& vocabulary) {
    std::optional<int32_t> bos = vocabulary.roles.bos,
                           begin = vocabulary.begin_of_text ? vocabulary.begin_of_text->id : bos;
    if (!begin && !bos) return vocabulary.kind == VocabularyKind::byte_bpe ? std::string(byte_level) : "null";
    if (!begin)
        return with_byte_level(vocabulary, R"({"type": "TemplateProcessing",
     "single": [{"Sequence": {"id": "A", "type_id": 0}}],
     "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
     "special_tokens": {}})");
    std::string_view added = vocabulary.added[*begin];
    std::string name = quote_json(added.empty() ? spell_token(vocabulary, vocabulary.tokens[*begin]) : added);
    return with_byte_level(vocabulary, fmt::format(
                                           R"({{"type": "TemplateProcessing",
     "single": [{{"SpecialToken": {{"id": {0}, "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}}],
     "pair": [{{"SpecialToken": {{"id": {0}, "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}},
              {{"SpecialToken": {{"id": {0}, "type_id": 1}}}}, {{"Sequence": {{"id": "B", "type_id": 1}}}}],
     "special_tokens": {{{0}: {{"id": {0}, "ids": [{1}], "tokens": [{0}]}}}}}})",
                                           name, *begin));
}

}  // namespace puna
