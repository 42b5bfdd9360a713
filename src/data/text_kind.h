// data/text_kind.h — rejects files that are not UTF-8 text, by their first bytes.
//
//   reject_non_text(beginning, path);                              // gzip, UTF-16, PDF, ...: Error with a remedy
//   std::string_view text = plain_text(content, path);             // of a whole file, without a byte order mark
#pragma once
#include <string_view>

namespace puna {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // of UTF-8; not part of the text

// beginning: as much of the file as is at hand. A zero byte or a few invalid ones are no reason to reject a text.
void reject_non_text(std::string_view beginning, std::string_view path);

// Also rejects zero bytes, and logs a warning about invalid UTF-8.
std::string_view plain_text(std::string_view content, std::string_view path);

void warn_about_invalid_utf8(std::string_view path, size_t place);

}  // namespace puna
