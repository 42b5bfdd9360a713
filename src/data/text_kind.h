// data/text_kind.h — is it text at all? What a file that holds something else is, by its first bytes.
//
//   refuse_what_is_no_text(beginning, path);                        // gzip, UTF-16, PDF, ...: throws Error with a
//   remedy std::string_view text = plain_text(content, path);              // of a whole file; without a byte order
//   mark
#pragma once
#include <string_view>

namespace puna {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // of UTF-8: says nothing, and is no part of the text

// beginning: as much of the file as is at hand. Text is UTF-8, zero bytes among it or not; a few broken characters are
// no reason to refuse it.
void refuse_what_is_no_text(std::string_view beginning, std::string_view path);

// Also refuses zero bytes, and logs a warning where characters are broken.
std::string_view plain_text(std::string_view content, std::string_view path);

void warn_about_broken_utf8(std::string_view path, size_t place);

}  // namespace puna
