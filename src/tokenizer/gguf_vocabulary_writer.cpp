#include "tokenizer/gguf_vocabulary_keys.h"

#include "core/error.h"
#include "tokenizer/gguf_vocabulary.h"
#include "tokenizer/merge_list.h"
#include "tokenizer/sentencepiece.h"

#include <algorithm>

namespace puna {

namespace {

bool contains(const std::vector<int32_t>& ids, int32_t id) { return std::binary_search(ids.begin(), ids.end(), id); }

// A token as GGUF has it.
struct GgufToken {
    std::string text;
    GgufTokenType type;
};

GgufToken token_of(const Vocabulary& vocabulary, int32_t id) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    TokenKind kind = vocabulary.token_kind(id);
    if (kind == TokenKind::none) return {fmt::format("[PAD{}]", id), GgufTokenType::unused};
    if (std::string_view byte = rules.bytes[id]; !byte.empty())
        return {name_of_byte(static_cast<unsigned char>(byte[0])), GgufTokenType::byte};
    bool is_unknown = vocabulary.kind == VocabularyKind::sentencepiece && rules.unknown == id;
    if (kind != TokenKind::text)
        return {std::string(vocabulary.added[id]), is_unknown                   ? GgufTokenType::unknown
                                                   : kind == TokenKind::control ? GgufTokenType::control
                                                                                : GgufTokenType::user_defined};
    if (contains(rules.user_defined, id)) return {std::string(vocabulary.tokens[id]), GgufTokenType::user_defined};
    return {spell_token(vocabulary, vocabulary.tokens[id]),
            contains(rules.unused, id) ? GgufTokenType::unused : GgufTokenType::normal};
}

uint8_t flags_of(const Vocabulary& vocabulary, int32_t id) {
    std::optional<size_t> index = vocabulary.added.index_of(id);
    AddedToken token = index && !vocabulary.added[id].empty() ? vocabulary.added_tokens[*index] : AddedToken();
    bool in_both = !vocabulary.added[id].empty() && !vocabulary.tokens[id].empty();
    bool merged_only = vocabulary.added[id].empty() && contains(vocabulary.sentencepiece.user_defined, id);
    uint8_t flags = 0;
    for (auto [flag, set] : {std::pair{gguf_flags::single_word, token.single_word},
                             {gguf_flags::lstrip, token.lstrip},
                             {gguf_flags::rstrip, token.rstrip},
                             {gguf_flags::normalized, token.normalized},
                             {gguf_flags::also_merged, in_both},
                             {gguf_flags::found_by_merging, merged_only}})
        if (set) flags |= flag;
    return flags;
}

void add_tokens(GgufMetadata& metadata, const Vocabulary& vocabulary) {
    std::vector<std::string> texts;
    std::vector<int32_t> types;
    std::vector<uint8_t> flags;
    for (int32_t id = 0; id < vocabulary.size(); ++id) {
        GgufToken token = token_of(vocabulary, id);
        texts.push_back(std::move(token.text));
        types.push_back(static_cast<int32_t>(token.type));
        flags.push_back(flags_of(vocabulary, id));
    }
    metadata.add_list(gguf_keys::tokens, texts);
    metadata.add_list(gguf_keys::token_types, types);
    if (std::any_of(flags.begin(), flags.end(), [](uint8_t f) { return f != 0; }))
        metadata.add_list(gguf_keys::token_flags, flags);
}

void add_merges(GgufMetadata& metadata, const Vocabulary& vocabulary) {
    std::vector<std::string> merges;
    for (auto [left, right] : list_merges(vocabulary))
        merges.push_back(spell_token(vocabulary, vocabulary.tokens[left]) + ' ' +
                         spell_token(vocabulary, vocabulary.tokens[right]));
    metadata.add_list(gguf_keys::merges, merges);
}

// Returns what other engines will not do as this vocabulary says.
std::string add_pattern(GgufMetadata& metadata, const Vocabulary& vocabulary) {
    const SplitPatternInfo& pattern = info(vocabulary.split);
    auto same = std::find_if(pattern.gguf_names.begin(), pattern.gguf_names.end(),
                             [&](const GgufPatternName& name) { return name.whole_pieces == vocabulary.whole_pieces; });
    bool known = same != pattern.gguf_names.end();
    metadata.add(gguf_keys::pattern, known ? same->name : pattern.gguf_names[0].name);
    if (known) return {};
    metadata.add(gguf_keys::whole_pieces, vocabulary.whole_pieces);
    return fmt::format(
        "the pre-tokenizer is written as '{}', but no pre-tokenizer of other engines has {}'s pattern and {}: they may "
        "encode some words differently",
        pattern.gguf_names[0].name, pattern.name,
        vocabulary.whole_pieces ? "encodes a piece that is a token as it (ignore_merges)" : "merges every piece");
}

void add_rules(GgufMetadata& metadata, const Vocabulary& vocabulary) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    metadata.add(gguf_keys::pattern, "default");
    metadata.add_list(gguf_keys::scores, scores_of(vocabulary));
    bool prefix = rules.prefix != SpacePrefix::none;
    metadata.add(gguf_keys::space_prefix, prefix);
    if (rules.remove_extra_spaces) metadata.add(gguf_keys::remove_extra_spaces, true);
    if (rules.prefix == SpacePrefix::text) metadata.add(gguf_keys::prefix_of_text_only, true);
    if (rules.prefix_unless_space) metadata.add(gguf_keys::prefix_unless_space, true);
    if (rules.separate_spaces) metadata.add(gguf_keys::separate_spaces, true);
    if (rules.drop_prefix != prefix) metadata.add(gguf_keys::drop_prefix, rules.drop_prefix);
    if (!rules.fuse_unknown) metadata.add(gguf_keys::fuse_unknown, false);
    if (vocabulary.whole_pieces) metadata.add(gguf_keys::whole_pieces, true);
    if (has_other_merges(vocabulary)) add_merges(metadata, vocabulary);
}

void add_roles(GgufMetadata& metadata, const Vocabulary& vocabulary) {
    const TokenRoles& roles = vocabulary.roles;
    bool begins_text = vocabulary.begin_of_text && vocabulary.begin_of_text->id;
    auto add = [&metadata](std::string_view key, std::optional<int32_t> id) {
        if (id) metadata.add(key, static_cast<uint32_t>(*id));
    };
    add(gguf_keys::bos, begins_text ? vocabulary.begin_of_text->id : roles.bos);
    add(gguf_keys::eos, roles.eos);
    add(gguf_keys::eot, roles.eot);
    add(gguf_keys::eom, roles.eom);
    if (roles.ends.size() > 1) metadata.add_list(gguf_keys::ends, roles.ends);
    add(gguf_keys::padding, roles.pad);
    if (vocabulary.kind == VocabularyKind::sentencepiece) add(gguf_keys::unknown, vocabulary.sentencepiece.unknown);
    metadata.add(gguf_keys::begins_text, begins_text);
}

}  // namespace

std::string add_gguf_vocabulary(GgufMetadata& metadata, const Tokenizer& tokenizer) {
    const Vocabulary& vocabulary = tokenizer.vocabulary();
    bool is_byte_level = vocabulary.kind == VocabularyKind::byte_bpe;
    std::string note;
    metadata.add(gguf_keys::model, is_byte_level ? "gpt2" : "llama");
    add_tokens(metadata, vocabulary);
    if (is_byte_level) {
        note = add_pattern(metadata, vocabulary);
        add_merges(metadata, vocabulary);
    } else {
        add_rules(metadata, vocabulary);
    }
    add_roles(metadata, vocabulary);
    return note;
}

}  // namespace puna
