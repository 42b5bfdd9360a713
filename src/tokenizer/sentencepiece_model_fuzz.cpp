// covers: src/tokenizer/sentencepiece_model.cpp src/tokenizer/sentencepiece.cpp src/files/protobuf.cpp
#include "core/fuzz.h"
#include "tokenizer/sentencepiece_model.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Tokenizer tokenizer(puna::parse_sentencepiece_model(input, "input"), "input");
        std::string_view text = input.substr(0, 4096);
        for (int32_t id : tokenizer.encode(text))
            puna::check(tokenizer.kind(id) != puna::TokenKind::none, "an id without a token");
        std::string written = puna::sentencepiece_model_bytes(tokenizer.vocabulary());
        puna::Tokenizer again(puna::parse_sentencepiece_model(written, "written"), "written");
        puna::check(again.encode(text) == tokenizer.encode(text), "what is written encodes differently");
    });
}
