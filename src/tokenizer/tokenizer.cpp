#include "tokenizer/tokenizer.h"

#include "core/error.h"
#include "tokenizer/encoder.h"

namespace puna {

Tokenizer::Tokenizer(Vocabulary vocabulary, std::string_view place)
    : vocabulary_(std::move(vocabulary)), spelled_controls_(vocabulary_.controls) {
    for (int byte = 0; byte < 256; ++byte) {
        if (vocabulary_.tokens.find_byte(static_cast<unsigned char>(byte)) < 0)
            fail("{}: no token for the byte 0x{:02x}: only byte-level tokenizers are read here", place, byte);
    }
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const { return Encoder(*this, text.size()).encode(text); }

std::vector<int32_t> Tokenizer::encode_with_control(std::string_view text) const {
    Encoder encoder(*this, text.size());
    std::vector<int32_t> ids;
    auto append_plain = [&](std::string_view plain) {
        std::vector<int32_t> more = encoder.encode(plain);
        ids.insert(ids.end(), more.begin(), more.end());
    };
    size_t done = 0;
    for (size_t at = 0; at < text.size(); ++at) {
        std::optional<int32_t> place = spelled_controls_.find(vocabulary_.controls, text.substr(at));
        if (!place) continue;
        append_plain(text.substr(done, at - done));
        ids.push_back(vocabulary_.tokens.size() + *place);
        done = at + vocabulary_.controls[*place].size();
        at = done - 1;
    }
    append_plain(text.substr(done));
    return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
    std::string text;
    for (int32_t id : ids) text += bytes(id);
    return text;
}

std::string_view Tokenizer::bytes(int32_t id) const {
    if (id < 0 || id >= size())
        fail("token {} is not in the vocabulary of {}: it was made by another tokenizer", id, size());
    int32_t texts = vocabulary_.tokens.size();
    return id < texts ? vocabulary_.tokens[id] : vocabulary_.controls[id - texts];
}

int32_t Tokenizer::size() const { return vocabulary_.tokens.size() + vocabulary_.controls.size(); }

bool Tokenizer::is_control(int32_t id) const { return id >= vocabulary_.tokens.size() && id < size(); }

std::optional<int32_t> Tokenizer::find_control(std::string_view name) const {
    std::optional<int32_t> place = vocabulary_.controls.find(name);
    if (!place) return {};
    return vocabulary_.tokens.size() + *place;
}

int32_t Tokenizer::control(std::string_view name) const {
    std::optional<int32_t> id = find_control(name);
    if (!id) fail("this tokenizer has no control token {}: use one of a Llama 3 model", printable(name));
    return *id;
}

std::vector<int32_t> Tokenizer::stop_ids() const {
    std::vector<int32_t> ids;
    for (std::string_view name : {"<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"})
        if (std::optional<int32_t> id = find_control(name)) ids.push_back(*id);
    return ids;
}

}  // namespace puna
