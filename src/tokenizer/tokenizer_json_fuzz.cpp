// covers: src/tokenizer/tokenizer_json.cpp src/tokenizer/byte_level.cpp src/tokenizer/token_table.cpp
// src/tokenizer/prefix_finder.cpp
#include "core/fuzz.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Tokenizer tokenizer(puna::parse_tokenizer_json(input, "input"));
        std::string_view text = input.substr(0, 4096);
        puna::check(tokenizer.decode(tokenizer.encode(text)) == text, "text does not come back");
        puna::check(tokenizer.decode(tokenizer.encode_with_control(text)) == text,
                    "text with control tokens does not come back");
    });
}
