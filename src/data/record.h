// data/record.h — parses a record of JSON: a text or a conversation.
//
//   Record record = parse_record(line, "chat.jsonl:17", "text");
//   bool is_text = !record.conversation;
//
// A text is a string, or the field `text` (or another) of an object; other objects are conversations
// (chat/training_conversation.h). `weight` and the like (chat/loss_fields.h) select whether an assistant message is in
// the loss. Fields that would affect training but are not supported are rejected by name; other fields of messages and
// calls go to the template, others of the record are ignored. Throws Error, beginning with `place`.
#pragma once
#include "chat/training_conversation.h"
#include "data/bad_input.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

struct Record {
    std::string text;  // without a byte order mark
    std::optional<TrainingConversation> conversation;
};

Record parse_record(std::string_view json, std::string_view place, std::string_view text_field);

// The same for a record of an input file: the Error is a BadInput.
Record read_record(std::string_view json, std::string_view place, const std::string& path, std::string_view text_field);

int64_t text_bytes(const Record& record);  // of the text, or of all messages but those with calls

}  // namespace puna
