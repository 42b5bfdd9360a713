#include "tokenizer/tokenizer.h"

#include "core/error.h"
#include "tokenizer/encoder.h"

namespace puna {

namespace {

void fill_in(std::optional<TextToken>& token, const Vocabulary& vocabulary, std::string_view name,
             std::string_view source) {
    if (token) return;
    token.emplace();
    token->id = vocabulary.added.find(name);
    if (!token->id) token->problem = fmt::format("{}: has no token {}", source, name);
}

}  // namespace

Tokenizer::Tokenizer(Vocabulary vocabulary, std::string_view source)
    : vocabulary_(std::move(vocabulary)), added_tokens_(vocabulary_) {
    for (int byte = 0; byte < 256; ++byte) {
        if (vocabulary_.tokens.find_byte(static_cast<unsigned char>(byte)) < 0)
            fail("{}: no token for the byte 0x{:02x}: only byte-level tokenizers are supported", source, byte);
    }
    fill_in(vocabulary_.begin_of_text, vocabulary_, llama3_begin_of_text, source);
    fill_in(vocabulary_.end_of_text, vocabulary_, llama3_end_of_text, source);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const { return Encoder(*this, text.size()).encode(text); }

std::vector<int32_t> Tokenizer::encode_with_control(std::string_view text) const {
    return Encoder(*this, text.size()).encode_with_control(text);
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
    std::string text;
    for (int32_t id : ids) text += bytes(id);
    return text;
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

int32_t Tokenizer::control(std::string_view name) const {
    std::optional<int32_t> id = find_control(name);
    if (!id) fail("this tokenizer has no control token {}; use the tokenizer of a Llama 3 model", printable(name));
    return *id;
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

std::vector<int32_t> Tokenizer::stop_ids() const {
    std::vector<int32_t> ids;
    if (!find_control("<|end_of_text|>") && find_end_of_text()) ids.push_back(*find_end_of_text());
    for (std::string_view name : {"<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"})
        if (std::optional<int32_t> id = find_control(name)) ids.push_back(*id);
    return ids;
}

}  // namespace puna
