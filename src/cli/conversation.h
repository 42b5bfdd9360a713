// cli/conversation.h — a chat's messages and generation options as a JSON file.
//
//   write_file(path, conversation_json(conversation));
//   Conversation loaded = load_conversation(path, {});
//
// {"messages": [{"role": "user", "content": "Hello!"}, ...], "options": {"temperature": 0.6, ...}}
//
// The messages have the format of other programs and of our training data (chat/messages.h); the options may be
// missing; other fields are kept. Errors name the file and what is invalid.
#pragma once
#include "chat/message.h"
#include "infer/request.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// A message of the user and what follows it up to the next one: the answer, tool calls and their results.
using Turn = std::vector<Message>;

struct Conversation {
    std::vector<Message> messages;  // a system message may be the first
    GenerateOptions options;
    std::vector<MessageField> fields = {};  // of the file, beside these

    bool has_system() const { return !messages.empty() && messages[0].role == "system"; }
    void set_system(std::string text);  // empty: removes it
    void reset();                       // removes all but the system message and the options

    size_t turns() const;
    std::vector<Turn> last_turns(size_t count) const;     // in their order; fewer if there are no more
    Turn remove_last_turn();                              // turns() > 0
    std::vector<Turn> remove_oldest_turns(size_t count);  // at most turns()
};

// How many of the oldest turns must go until at most max_tokens are left, as `count` counts those of a conversation.
// The last turn stays.
size_t turns_to_trim(const Conversation& conversation, int64_t max_tokens,
                     const std::function<int64_t(std::span<const Message>)>& count);

// Throws Error if the file would exceed parse_conversation's limit of 16 MiB.
std::string conversation_json(const Conversation& conversation);

// Of what conversation_json wrote. Options missing in the file are taken from `defaults`. Throws Error, beginning with
// `path`, if it is not a conversation.
Conversation parse_conversation(std::string_view json, std::string_view path, const GenerateOptions& defaults);

// Also of a file of training data, in any of its formats (chat/training_conversation.h). name: of the file, or of one
// of several conversations in it, as errors name it: "talk.jsonl:18", "talk.json[17]".
Conversation load_conversation(const std::string& name, const GenerateOptions& defaults);
bool names_record(const std::string& name);  // whether it is one of several

}  // namespace puna
