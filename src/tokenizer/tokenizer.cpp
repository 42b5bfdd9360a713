#include "tokenizer/tokenizer.h"

#include "core/error.h"
#include "tokenizer/encoder.h"
#include "tokenizer/token_roles.h"

#include <algorithm>

namespace puna {

Tokenizer::Tokenizer(Vocabulary vocabulary, std::string_view source)
    : vocabulary_(std::move(vocabulary)), added_tokens_(vocabulary_) {
    kind_of(vocabulary_).prepare(vocabulary_, source);
    assign_roles(vocabulary_, source);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const { return Encoder(*this, text.size()).encode(text); }

std::vector<int32_t> Tokenizer::encode_with_control(std::string_view text) const {
    return Encoder(*this, text.size()).encode_with_control(text);
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
    std::string text;
    for (int32_t id : ids) text += bytes(id);
    return std::string(without_prefix(text));
}

std::string_view Tokenizer::without_prefix(std::string_view beginning) const {
    const SentencePieceRules& rules = vocabulary_.sentencepiece;
    if (vocabulary_.kind != VocabularyKind::sentencepiece || !rules.drop_prefix) return beginning;
    size_t spaces = std::min(beginning.find_first_not_of(' '), beginning.size());
    return beginning.substr(rules.remove_extra_spaces ? spaces : std::min<size_t>(spaces, 1));
}

std::string_view Tokenizer::bytes(int32_t id) const {
    std::string_view bytes = vocabulary_.bytes(id);
    if (bytes.empty()) fail("token {} is not in the vocabulary of {}; it comes from another tokenizer", id, size());
    return bytes;
}

std::optional<int32_t> Tokenizer::find_control(std::string_view name) const {
    std::optional<int32_t> id = vocabulary_.added.find(name);
    if (!id || !is_control(*id)) return {};
    return id;
}

std::optional<int32_t> Tokenizer::begin_of_text() const {
    const TextToken& token = *vocabulary_.begin_of_text;
    if (!token.problem.empty()) fail("{}", token.problem);
    return token.id;
}

int32_t Tokenizer::end_of_text() const {
    const TextToken& token = *vocabulary_.end_of_text;
    if (!token.problem.empty()) fail("{}", token.problem);
    if (!token.id) fail("the model has no token that ends a text: name one as eos_token in tokenizer_config.json");
    return *token.id;
}

int32_t Tokenizer::padding() const { return roles().pad.value_or(roles().eos.value_or(0)); }

}  // namespace puna
