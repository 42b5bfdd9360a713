// tokenizer/byte_level.h — GPT-2's byte-to-unicode mapping, used by tokenizer.json: each byte is one visible character.
//
//   std::string spelled = bytes_to_unicode(" the");             // "Ġthe"
//   std::optional<std::string> bytes = unicode_to_bytes("Ġthe");  // " the"; empty if a character is not in the table
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace puna {

std::string bytes_to_unicode(std::string_view bytes);
std::optional<std::string> unicode_to_bytes(std::string_view spelled);
bool is_spelling(std::string_view spelled, std::string_view bytes);  // whether unicode_to_bytes(spelled) == bytes

}  // namespace puna
