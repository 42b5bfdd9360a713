#include "tokenizer/byte_bpe.h"

#include "core/error.h"
#include "tokenizer/bpe_encoder.h"
#include "tokenizer/token_roles.h"

#include <string>

namespace puna {

namespace {

constexpr std::string_view replacement = "\ufffd";

// The others are not in UTF-8, or begin the characters of planes 4 to 11, of which there are none: what was trained on
// text may have no tokens for them, as StarCoder's vocabulary.
constexpr bool occurs_in_text(unsigned byte) {
    return byte < 0xc0 || (byte > 0xc1 && byte < 0xf1) || byte == 0xf3 || byte == 0xf4;
}

bool has_token(const Vocabulary& vocabulary, char byte) {
    return vocabulary.tokens.find_byte(static_cast<unsigned char>(byte)) >= 0;
}

class ByteBpeEncoder : public SubwordEncoder {
 public:
    ByteBpeEncoder(const Vocabulary& vocabulary, size_t expected_bytes)
        : bpe_(vocabulary, info(vocabulary.split).split, expected_bytes) {
        for (unsigned byte = 0; byte < 256; ++byte)
            if (!has_token(vocabulary, static_cast<char>(byte))) without_token_ += static_cast<char>(byte);
    }

    std::vector<int32_t> encode(std::string_view text, Preceding) override {
        bool is_whole = without_token_.empty() || text.find_first_of(without_token_) == text.npos;
        return bpe_.encode(is_whole ? text : std::string_view(replaced(text)));
    }

 private:
    std::string replaced(std::string_view text) const {
        std::string valid;
        for (char byte : text)
            without_token_.find(byte) == without_token_.npos ? void(valid += byte) : void(valid += replacement);
        return valid;
    }

    BpeEncoder bpe_;
    std::string without_token_;  // bytes
};

}  // namespace

void prepare_byte_bpe(Vocabulary& vocabulary, std::string_view source) {
    for (unsigned byte = 0; byte < 256; ++byte)
        if (occurs_in_text(byte) && !has_token(vocabulary, static_cast<char>(byte)))
            fail(ErrorKind::unsupported, "{}: no token for the byte 0x{:02x}: this is not a byte-level vocabulary",
                 source, byte);
    // A file that was put together from two, or converted by mistake: such a model would answer oddly without a word.
    if (vocabulary.split != SplitPattern::llama3 && has_llama3_controls(vocabulary))
        fail(ErrorKind::unsupported,
             "{}: has Llama 3's control tokens, but splits text by {}'s pattern (tokenizer.json: pre_tokenizer; GGUF: "
             "tokenizer.ggml.pre) instead of Llama 3's: convert the model again",
             source, info(vocabulary.split).name);
}

SafeCut byte_bpe_safe_cut(const Vocabulary& vocabulary) { return info(vocabulary.split).safe_cut; }

std::unique_ptr<SubwordEncoder> make_byte_bpe_encoder(const Vocabulary& vocabulary, size_t expected_bytes) {
    return std::make_unique<ByteBpeEncoder>(vocabulary, expected_bytes);
}

}  // namespace puna
