// cli/piece.h — the bytes of a token as a person or a script sees them: a token may be white space, invisible, or a
// part of a character.
//
//   quoted_piece("\n ");          // "\n ", with its quotes
//   quoted_piece("\xe2\x80");     // "\xe2\x80"
#pragma once
#include "core/json_text.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace puna {

// One line, and no two pieces are the same: quotes and backslashes are escaped by a backslash, control characters as
// \n, \t, \r or \x1b, invalid UTF-8 as \xe2, and other characters that leave no mark of their own as \u{200b}. Of a
// longer piece about max_bytes, followed by "...".
std::string quoted_piece(std::string_view bytes, size_t max_bytes = std::string_view::npos);

// A string; of bytes that are not UTF-8 their values, as [226,128].
JsonText piece_json(std::string_view bytes);

}  // namespace puna
