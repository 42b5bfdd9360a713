// covers: src/tokenizer/rank_file.cpp src/tokenizer/token_table.cpp
#include "core/fuzz.h"
#include "tokenizer/rank_file.h"
#include "tokenizer/tokenizer.h"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Vocabulary vocabulary = puna::parse_rank_file(input, "input", puna::ControlNames::llama3_1);
        std::string written = puna::rank_file_text(vocabulary);
        puna::check(
            written == puna::rank_file_text(puna::parse_rank_file(written, "written", puna::ControlNames::llama3_1)),
            "the vocabulary does not round-trip");
        puna::Tokenizer tokenizer(std::move(vocabulary), "input");
        std::string text(input.substr(0, 4096)), one_piece = text + "<|eot_id|>";
        std::erase_if(one_piece, [](char c) { return c >= '\0' && c <= '@' && c != '<'; });
        for (const std::string& some : {text, one_piece}) {
            puna::check(tokenizer.decode(tokenizer.encode(some)) == some, "text does not round-trip");
            puna::check(tokenizer.decode(tokenizer.encode_with_control(some)) == some,
                        "text with control tokens does not round-trip");
        }
    });
}
