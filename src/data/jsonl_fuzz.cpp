// covers: src/data/jsonl.cpp
#include "core/fuzz.h"
#include "data/jsonl.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string padded(reinterpret_cast<const char*>(data), size);
    padded.append(64, '\0');
    return puna::fuzz(data, size, [&](std::string_view) {
        puna::JsonlDocument document =
            puna::JsonlParser().parse(std::string_view(padded).substr(0, size), "line", "text");
        puna::check(document.text.empty() || document.messages.empty(), "a text and a conversation at once");
    });
}
