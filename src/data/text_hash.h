// data/text_hash.h — a hash of a document's content alone, the same for every copy of it.
//
//   uint64_t hash = hash_text("Once upon a time there was a cat.");
//   bool same = hash_conversation(a.messages) == hash_conversation(b.messages);
//
// Of the first 64 KiB that are not blanks: file formats, line ends, escapes, ids and the order of fields do not count.
// Of a conversation the roles, the texts and the calls of tools count.
#pragma once
#include "chat/message.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace puna {

constexpr size_t hashed_text_bytes = 1 << 16;

uint64_t hash_text(std::string_view text);
uint64_t hash_conversation(std::span<const Message> messages);  // throws Error where arguments of a call are no JSON

}  // namespace puna
