// core/utf8.h — is this UTF-8?
//
//   size_t length = utf8_length("\xc3\xa9 is a letter");          // 2
//   Utf8Errors errors = find_utf8_errors(text);                    // errors.count == 0: well formed
//
// Strict, as Unicode's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. Classes of characters are
// tokenizer/unicode.h's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace puna {

// Bytes of the character that the text begins with: 1 to 4; 0 if it is empty or begins with none.
size_t utf8_length(std::string_view text);

struct Utf8Errors {
    size_t count = 0;  // bytes that belong to no character
    size_t first = 0;  // where the first of them is
};
Utf8Errors find_utf8_errors(std::string_view text);

void append_utf8(std::string& text, uint32_t code);  // code: a Unicode scalar value

}  // namespace puna
