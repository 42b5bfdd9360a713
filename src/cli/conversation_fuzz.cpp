// covers: src/cli/conversation.cpp
#include "cli/conversation.h"
#include "core/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        Conversation read = parse_conversation(input, "input", {});
        live_limit += 16 * input.size();  // indentation
        std::string saved = conversation_json(read);
        Conversation again = parse_conversation(saved, "its own output", {});
        check(conversation_json(again) == saved, "a saved conversation is read as another");
        read.set_system("new");
        read.reset();
        check(read.messages.size() == 1, "more than the system message is left");
    });
}
