// covers: src/data/record.cpp src/chat/training_conversation.cpp
#include "core/fuzz.h"
#include "data/record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view json) {
        puna::Record record = puna::parse_record(json, "record", "text");
        puna::check(record.text.empty() || !record.conversation, "both a text and a conversation");
        puna::check(!record.conversation || !record.conversation->messages.empty(), "a conversation without messages");
    });
}
