// covers: src/cli/conversation.cpp
#include "cli/conversation.h"
#include "core/fuzz.h"

namespace {

using namespace puna;

// From a file, in the first place in which it has a conversation.
void load(std::string_view input) {
    live_limit += size_t{16} << 20;  // buffers of the reader
    FuzzFile file(input);
    for (const char* place : {"", "[1]", ":2"}) {
        try {
            load_conversation(file.path().string() + place, {});
            return;
        } catch (const Error&) {
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return fuzz(data, size, [](std::string_view input) {
        load(input);
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
