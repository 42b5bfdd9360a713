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
        std::string name = file.path().string() + place;
        check(names_record(name) == (*place != 0), "{} is not what it seems", name);
        try {
            load_conversation(name, {});
            return;
        } catch (const Error&) {
        }
    }
}

// Turns are what follows the system message, in its order.
void take_turns(Conversation read) {
    size_t turns = read.turns(), messages = read.messages.size(), removed = 0;
    auto count = [](std::span<const Message> rest) { return std::ssize(rest); };
    size_t trimmed = turns_to_trim(read, 3, count);
    for (const Turn& turn : read.remove_oldest_turns(trimmed)) removed += turn.size();
    for (size_t left = turns - trimmed; left > 0; --left) removed += read.remove_last_turn().size();
    check(read.turns() == 0 && removed + read.messages.size() == messages, "messages are lost with their turns");
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
        take_turns(read);
        read.set_system("new");
        read.reset();
        check(read.messages.size() == 1, "more than the system message is left");
    });
}
