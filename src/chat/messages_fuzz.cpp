// covers: src/chat/messages.cpp src/chat/loss_fields.cpp
#include "chat/messages.h"
#include "core/fuzz.h"

namespace {

using namespace puna;

void check_round_trip(std::string_view input, MessageForm form) {
    JsonDocument document(input, "input", message_limits);
    std::string written = messages_json(read_messages(document.root(), form)).text();
    JsonDocument again(written, "its own output", message_limits);
    check(messages_json(read_messages(again.root())).text() == written, "messages are read as others");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto read_as = [](MessageForm form) {
        return [form](std::string_view input) {
            live_limit += 64 * input.size();
            check_round_trip(input, form);
        };
    };
    fuzz(data, size, read_as(MessageForm::openai));
    return fuzz(data, size, read_as(MessageForm::training_data));
}
