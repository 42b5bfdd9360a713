#include "core/error.h"
#include "core/json_text.h"
#include "tokenizer/merge_list.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/tokenizer_json_settings.h"

#include <algorithm>
#include <iterator>

#include <vector>

namespace puna {

namespace {

std::string added_token_json(int32_t id, std::string_view content, const AddedToken& token) {
    return JsonObject{{"id", id},
                      {"content", content},
                      {"single_word", token.single_word},
                      {"lstrip", token.lstrip},
                      {"rstrip", token.rstrip},
                      {"normalized", token.normalized},
                      {"special", token.control}}
        .text();
}

// Hugging Face has no other way to say that a token is user-defined.
std::string added_tokens_json(const Vocabulary& vocabulary) {
    const std::vector<int32_t>& user_defined = vocabulary.sentencepiece.user_defined;
    std::vector<int32_t> ids = vocabulary.added.ids(), all;
    std::set_union(ids.begin(), ids.end(), user_defined.begin(), user_defined.end(), std::back_inserter(all));
    std::string json;
    for (int32_t id : all) {
        std::optional<size_t> index = vocabulary.added.index_of(id);
        AddedToken token = index ? vocabulary.added_tokens[*index] : AddedToken{};
        json += (json.empty() ? "\n    " : ",\n    ") +
                added_token_json(id, index ? vocabulary.added[id] : vocabulary.tokens[id], token);
    }
    return json;
}

// Hugging Face's library numbers added tokens that are not in `vocab` itself, consecutively after the vocabulary.
bool has_default_added_ids(const Vocabulary& vocabulary) {
    auto next = static_cast<int32_t>(vocabulary.tokens.ids().size());
    for (int32_t id : vocabulary.added.ids())
        if (vocabulary.tokens[id].empty() && id != next++) return false;
    return true;
}

// An added token's text can be the spelling of other bytes ("ü" is 0xfc); then it cannot be listed in `vocab`.
bool is_other_token(const Vocabulary& vocabulary, int32_t id, std::string_view spelled) {
    if (!vocabulary.tokens[id].empty() || !vocabulary.sentencepiece.bytes[id].empty()) return false;
    std::optional<std::string> bytes = unspell_token(vocabulary, spelled);
    return bytes && vocabulary.tokens.find(*bytes);
}

std::string vocab_json(const Vocabulary& vocabulary) {
    const TokenTable &tokens = vocabulary.tokens, &added = vocabulary.added;
    bool all = !has_default_added_ids(vocabulary);
    std::string json;
    for (int32_t id = 0; id < vocabulary.size(); ++id) {
        std::string spelled = spell_token(vocabulary, tokens[id]);
        if (std::string_view byte = vocabulary.sentencepiece.bytes[id]; !byte.empty())
            spelled = name_of_byte(static_cast<unsigned char>(byte[0]));
        if (spelled.empty() && all) spelled = added[id];
        if (spelled.empty() || is_other_token(vocabulary, id, spelled)) continue;
        json += fmt::format("{}\n{}: {}", json.empty() ? "" : ",", quote_json(spelled), id);
    }
    return json;
}

std::string merges_json(const Vocabulary& vocabulary) {
    const TokenTable& tokens = vocabulary.tokens;
    std::string json;
    for (auto [left, right] : list_merges(vocabulary))
        json += fmt::format(
            "{}\n{}", json.empty() ? "" : ",",
            quote_json(spell_token(vocabulary, tokens[left]) + ' ' + spell_token(vocabulary, tokens[right])));
    return json;
}

}  // namespace

std::string tokenizer_json_text(const Vocabulary& vocabulary) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    bool is_sentencepiece = vocabulary.kind == VocabularyKind::sentencepiece;
    return fmt::format(
        R"({{
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": [{}
  ],
  "normalizer": {},
  "pre_tokenizer": {},
  "post_processor": {},
  "decoder": {},
  "model": {{
    "type": "BPE",
    "dropout": null,
    "unk_token": {},
    "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
    "fuse_unk": {},
    "byte_fallback": {},
    "ignore_merges": {},
    "vocab": {{{}
    }},
    "merges": [{}
    ]
  }}
}}
)",
        added_tokens_json(vocabulary), normalizer_json(vocabulary), pre_tokenizer_json(vocabulary),
        post_processor_json(vocabulary), decoder_json(vocabulary),
        is_sentencepiece && rules.unknown ? quote_json(vocabulary.bytes(*rules.unknown)) : "null",
        is_sentencepiece && rules.fuse_unknown, rules.bytes.size() > 0, vocabulary.whole_pieces, vocab_json(vocabulary),
        merges_json(vocabulary));
}

}  // namespace puna
