// data/text_kind.h — detects and rejects files that are not UTF-8 text.
//
//   reject_non_text(beginning, path);                              // Error with a remedy for gzip, UTF-16, PDF, ...
//   std::string_view text = plain_text(content, path);             // of a whole file, byte order mark removed
#pragma once
#include "core/error.h"

#include <cstddef>
#include <string_view>

namespace puna {

// A text in another encoding than UTF-8, as far as one can tell.
struct EncodingError : Error {
    explicit EncodingError(const std::string& message) : Error(message, ErrorKind::damaged) {}
};

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // of UTF-8; not part of the text
constexpr size_t inspected_bytes = 1 << 16;                   // at the beginning of a file, to tell its kind

constexpr bool is_white_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_blank(std::string_view text);  // white space only, or empty
std::string_view without_leading_space(std::string_view text);
std::string_view without_byte_order_mark(std::string_view text);

// Whether a text is JSON: an array of objects, or an object on its first line. beginning: any prefix of the file.
bool contains_json(std::string_view beginning);

// beginning: any prefix of the file. A zero byte or a few invalid bytes alone do not make it fail.
void reject_non_text(std::string_view beginning, std::string_view path);

// Only archives, compressed data and other formats with a remedy of their own; the first one also UTF-16 and UTF-32.
void reject_other_formats(std::string_view beginning, std::string_view path);
void reject_known_formats(std::string_view beginning, std::string_view path);

// Also rejects zero bytes, and logs a warning about invalid UTF-8.
std::string_view plain_text(std::string_view content, std::string_view path);

void warn_about_invalid_utf8(std::string_view path, size_t offset);

}  // namespace puna
