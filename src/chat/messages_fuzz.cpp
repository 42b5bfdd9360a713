// covers: src/chat/messages.cpp src/chat/loss_fields.cpp
#include "chat/messages.h"
#include "core/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        live_limit += 64 * input.size();
        JsonDocument document(input, "input", message_limits);
        std::string written = messages_json(read_messages(document.root())).text();
        JsonDocument again(written, "its own output", message_limits);
        check(messages_json(read_messages(again.root())).text() == written, "messages are read as others");
    });
}
