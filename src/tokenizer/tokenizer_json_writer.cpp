#include "core/error.h"
#include "core/json_text.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/merge_list.h"
#include "tokenizer/tokenizer_json.h"

#include <vector>

namespace puna {

namespace {

std::string added_tokens_json(const Vocabulary& vocabulary) {
    std::string json;
    for (int32_t id : vocabulary.added.ids()) {
        const AddedToken& token = vocabulary.added_tokens[*vocabulary.added.index_of(id)];
        JsonObject written{{"id", id},
                           {"content", vocabulary.added[id]},
                           {"single_word", token.single_word},
                           {"lstrip", token.lstrip},
                           {"rstrip", token.rstrip},
                           {"normalized", token.normalized},
                           {"special", token.control}};
        json += (json.empty() ? "\n    " : ",\n    ") + written.text();
    }
    return json;
}

// Prepends the token that begins a text, as Llama 3's does. Where a text begins without one, a template says so: else
// a reader would expect Llama 3's.
std::string post_processor_json(const Vocabulary& vocabulary) {
    constexpr std::string_view byte_level =
        R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true})";
    std::optional<int32_t> bos = vocabulary.roles.bos,
                           begin = vocabulary.begin_of_text ? vocabulary.begin_of_text->id : bos;
    if (!begin && !bos) return std::string(byte_level);
    if (!begin)
        return fmt::format(
            R"({{"type": "Sequence", "processors": [
    {},
    {{"type": "TemplateProcessing",
     "single": [{{"Sequence": {{"id": "A", "type_id": 0}}}}],
     "pair": [{{"Sequence": {{"id": "A", "type_id": 0}}}}, {{"Sequence": {{"id": "B", "type_id": 1}}}}],
     "special_tokens": {{}}}}]}})",
            byte_level);
    std::string_view added = vocabulary.added[*begin];
    return fmt::format(
        R"({{"type": "Sequence", "processors": [
    {0},
    {{"type": "TemplateProcessing",
     "single": [{{"SpecialToken": {{"id": {1}, "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}}],
     "pair": [{{"SpecialToken": {{"id": {1}, "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}},
              {{"SpecialToken": {{"id": {1}, "type_id": 1}}}}, {{"Sequence": {{"id": "B", "type_id": 1}}}}],
     "special_tokens": {{{1}: {{"id": {1}, "ids": [{2}], "tokens": [{1}]}}}}}}]}})",
        byte_level, quote_json(added.empty() ? bytes_to_unicode(vocabulary.tokens[*begin]) : added), *begin);
}

// Hugging Face's library numbers added tokens that are not in `vocab` itself, consecutively after the vocabulary.
bool has_default_added_ids(const Vocabulary& vocabulary) {
    auto next = static_cast<int32_t>(vocabulary.tokens.ids().size());
    for (int32_t id : vocabulary.added.ids())
        if (vocabulary.tokens[id].empty() && id != next++) return false;
    return true;
}

std::string vocab_json(const Vocabulary& vocabulary) {
    const TokenTable &tokens = vocabulary.tokens, &added = vocabulary.added;
    bool all = !has_default_added_ids(vocabulary);
    std::string json;
    for (int32_t id = 0; id < vocabulary.size(); ++id) {
        std::string spelled = bytes_to_unicode(tokens[id]);
        if (spelled.empty() && all) spelled = added[id];
        // An added token's text can be the spelling of other bytes ("ü" is 0xfc); then it cannot be listed here.
        std::optional<std::string> bytes = unicode_to_bytes(spelled);
        if (spelled.empty() || (tokens[id].empty() && bytes && tokens.find(*bytes))) continue;
        json += fmt::format("{}\n{}: {}", json.empty() ? "" : ",", quote_json(spelled), id);
    }
    return json;
}

std::string merges_json(const Vocabulary& vocabulary) {
    const TokenTable& tokens = vocabulary.tokens;
    std::string json;
    for (auto [left, right] : list_merges(vocabulary))
        json += fmt::format("{}\n{}", json.empty() ? "" : ",",
                            quote_json(bytes_to_unicode(tokens[left]) + ' ' + bytes_to_unicode(tokens[right])));
    return json;
}

}  // namespace

std::string tokenizer_json_text(const Vocabulary& vocabulary) {
    return fmt::format(
        R"({{
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": [{}
  ],
  "normalizer": null,
  "pre_tokenizer": {{"type": "Sequence", "pretokenizers": [
    {{"type": "Split", "pattern": {{"Regex": {}}}, "behavior": "Isolated", "invert": false}},
    {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}}]}},
  "post_processor": {},
  "decoder": {{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}},
  "model": {{
    "type": "BPE",
    "dropout": null,
    "unk_token": null,
    "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
    "fuse_unk": false,
    "byte_fallback": false,
    "ignore_merges": {},
    "vocab": {{{}
    }},
    "merges": [{}
    ]
  }}
}}
)",
        added_tokens_json(vocabulary), quote_json(llama3_pattern), post_processor_json(vocabulary),
        vocabulary.whole_pieces, vocab_json(vocabulary), merges_json(vocabulary));
}

}  // namespace puna
