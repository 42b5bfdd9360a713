// covers: src/tokenizer/gguf_vocabulary.cpp src/tokenizer/gguf_vocabulary_writer.cpp src/tokenizer/merge_list.cpp
#include "core/fuzz.h"
#include "tokenizer/gguf_vocabulary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    puna::FuzzFile input({reinterpret_cast<const char*>(data), size});
    return puna::fuzz(data, size, [&](std::string_view bytes) {
        puna::Tokenizer tokenizer(puna::parse_gguf_vocabulary(puna::GgufFile(input.path())), "input");
        for (int32_t id : tokenizer.encode(bytes.substr(0, 4096)))
            puna::check(tokenizer.kind(id) != puna::TokenKind::none, "an id without a token");
        puna::GgufMetadata metadata;
        puna::add_gguf_vocabulary(metadata, tokenizer);
    });
}
