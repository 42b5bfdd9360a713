// covers: src/tokenizer/tokenizer_json.cpp src/tokenizer/tokenizer_json_walk.h src/tokenizer/added_tokens.cpp
#include "core/fuzz.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_json.h"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Tokenizer tokenizer(puna::parse_tokenizer_json(input, "input"));
        const auto& added = tokenizer.vocabulary().added_tokens;
        bool strips = std::any_of(added.begin(), added.end(), [](auto& token) { return token.lstrip || token.rstrip; });
        std::string_view text = input.substr(0, 4096);
        std::string plain = tokenizer.decode(tokenizer.encode(text)),
                    all = tokenizer.decode(tokenizer.encode_with_control(text));
        puna::check(strips || plain == text, "text does not round-trip");
        puna::check(strips || all == text, "text with control tokens does not round-trip");
    });
}
