// covers: src/data/jsonl.cpp
#include "core/fuzz.h"
#include "data/jsonl.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view line) {
        puna::JsonlDocument document = puna::parse_jsonl(line, "line", "text");
        puna::check(document.text.empty() || document.messages.empty(), "both a text and a conversation");
    });
}
