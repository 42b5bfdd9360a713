// data/text_hash.h — a hash of a document's content, independent of its format.
//
//   uint64_t hash = hash_text("Once upon a time there was a cat.");
//   bool same = hash_conversation(a.messages) == hash_conversation(b.messages);
//
// Covers the first 64 KiB without white space: file format, line endings, escapes, ids and field order do not matter.
// Neither does a byte order mark. A conversation's hash covers roles, content and tool calls: an empty system message
// equals none, the keys of arguments may have any order, and a tool's result may be an object or its JSON as text. What
// is not valid JSON counts as text.
#pragma once
#include "chat/message.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace puna {

constexpr size_t hashed_text_bytes = 1 << 16;

uint64_t hash_text(std::string_view text);
uint64_t hash_conversation(std::span<const Message> messages);

}  // namespace puna
