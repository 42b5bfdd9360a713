// cli/conversation.h — what was said in a chat and how it is answered, as a JSON file.
//
//   write_file(path, conversation_json(conversation));
//   Conversation conversation = parse_conversation(MappedFile(path).text(), path, {});
//
//   {"messages": [{"role": "user", "content": "Hello!"}, ...], "options": {"temperature": 0.6, ...}}
//
// The messages are those of other programs and of our training data; the options may be missing. What
// parse_conversation refuses, it names.
#pragma once
#include "chat/message.h"
#include "infer/generation.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Conversation {
    std::vector<Message> messages;  // a system message may be the first
    GenerateOptions options;

    bool has_system() const { return !messages.empty() && messages[0].role == "system"; }
    void set_system(std::string text);  // empty: none
    void reset();                       // the system message stays
};

// Throws Error where the file would be larger than parse_conversation reads: 16 MiB.
std::string conversation_json(Conversation& conversation);

// Options that the file does not name are those of `otherwise`. Throws Error where it is no conversation: `path` opens
// the message.
Conversation parse_conversation(std::string_view json, std::string_view path, const GenerateOptions& otherwise);

}  // namespace puna
