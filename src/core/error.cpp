#include "core/error.h"

#include "core/utf8.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace puna {

namespace {

ErrorKind kind_of_errno(int error_number) {
    switch (error_number) {
        case ENOENT:
        case ENOTDIR:
            return ErrorKind::not_found;
        case EACCES:
        case EPERM:
        case EROFS:
            return ErrorKind::denied;
        case ENOMEM:
            return ErrorKind::out_of_memory;
        case EBUSY:
        case EAGAIN:
            return ErrorKind::busy;
        default:
            return ErrorKind::failed;
    }
}

// Length in bytes of the first character; 0 for invalid UTF-8 and control characters.
size_t printable_length(std::string_view text) {
    unsigned char first = static_cast<unsigned char>(text[0]);
    if (first < 0x20 || first == 0x7f) return 0;
    bool c1_control = first == 0xc2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xa0;
    return c1_control ? 0 : utf8_length(text);
}

}  // namespace

void throw_error(const std::string& message, ErrorKind kind) { throw Error(message, kind); }
void throw_field_error(std::string_view field, const std::string& problem, ErrorKind kind) {
    throw Error(std::string(field), problem, kind);
}
void rethrow_with(std::string_view where, const Error& problem) { throw Error(where, problem); }
void throw_errno(int error_number, const std::string& message) {
    throw Error(message + ": " + system_reason(error_number), kind_of_errno(error_number));
}
void throw_bug(const std::string& message) { throw Bug(message); }

std::string printable(std::string_view text, size_t max_bytes) {
    std::string line;
    for (size_t at = 0; at < text.size();) {
        if (at >= max_bytes) return line + "...";
        size_t length = printable_length(text.substr(at));
        if (length > 0)
            line += text.substr(at, length);
        else
            line += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
        at += std::max<size_t>(length, 1);
    }
    return line;
}

std::string system_reason(int error_number) { return std::generic_category().message(error_number); }

}  // namespace puna
