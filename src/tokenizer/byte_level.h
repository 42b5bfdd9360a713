// tokenizer/byte_level.h — how tokenizer.json spells tokens: each byte as one visible character (GPT-2's table).
//
//   std::string spelled = bytes_to_unicode(" the");                      // "Ġthe"
//   std::optional<std::string> bytes = unicode_to_bytes("Ġthe");  // " the"; empty if a character is not in the table
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace puna {

std::string bytes_to_unicode(std::string_view bytes);
std::optional<std::string> unicode_to_bytes(std::string_view spelled);

}  // namespace puna
