// tokenizer/byte_level.h — how tokenizer.json spells tokens: each byte as one visible character (GPT-2's table).
//
//   std::string spelled = spell_bytes(" the");                      // "Ġthe"
//   std::optional<std::string> bytes = read_spelled_bytes("Ġthe");  // " the"; empty if a character is not in the table
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace puna {

std::string spell_bytes(std::string_view bytes);
std::optional<std::string> read_spelled_bytes(std::string_view spelled);

}  // namespace puna
