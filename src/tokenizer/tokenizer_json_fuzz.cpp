// covers: src/tokenizer/tokenizer_json.cpp src/tokenizer/tokenizer_json_survey.cpp src/tokenizer/added_tokens.cpp
// src/tokenizer/tokenizer_json_settings.cpp src/tokenizer/tokenizer_json_writer.cpp src/tokenizer/post_processor.cpp
#include "core/fuzz.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_json.h"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Tokenizer tokenizer(puna::parse_tokenizer_json(input, "input"));
        const puna::Vocabulary& vocabulary = tokenizer.vocabulary();
        std::string_view text = input.substr(0, 4096);
        std::string plain = tokenizer.decode(tokenizer.encode(text)),
                    all = tokenizer.decode(tokenizer.encode_with_control(text));
        bool strips = std::any_of(vocabulary.added_tokens.begin(), vocabulary.added_tokens.end(),
                                  [](auto& token) { return token.lstrip || token.rstrip; });
        bool is_lossless = !strips && vocabulary.kind == puna::VocabularyKind::byte_bpe;
        for (unsigned byte = 0; byte < 256; ++byte)
            is_lossless = is_lossless && vocabulary.tokens.find_byte(static_cast<unsigned char>(byte)) >= 0;
        puna::check(!is_lossless || plain == text, "text does not round-trip");
        puna::check(!is_lossless || all == text, "text with control tokens does not round-trip");
        puna::Tokenizer again(puna::parse_tokenizer_json(puna::tokenizer_json_text(vocabulary), "again"));
        puna::check(again.encode(text) == tokenizer.encode(text), "what is written encodes differently");
    });
}
