#include "chat/jinja/text.h"

#include "core/utf8.h"

namespace puna::jinja {

namespace {

constexpr char32_t first_invalid = 0x110000;  // plus the byte: beyond all code points

}  // namespace

Text decode_utf8(std::string_view bytes, char32_t flags) {
    Text text;
    text.reserve(bytes.size());
    for (size_t at = 0; at < bytes.size();) {
        if (static_cast<unsigned char>(bytes[at]) < 0x80) {
            text.push_back(static_cast<char32_t>(bytes[at++]) | flags);
            continue;
        }
        Character c = read_character(bytes, at);
        bool invalid = c.code == not_unicode;
        text.push_back((invalid ? first_invalid + static_cast<unsigned char>(bytes[at]) : c.code) | flags);
        at += c.size;
    }
    return text;
}

std::string encode_utf8(TextView text) {
    std::string bytes;
    bytes.reserve(text.size());
    for (char32_t c : text) append_utf8(bytes, c);
    return bytes;
}

void append_utf8(std::string& bytes, char32_t c) {
    if (code_of(c) < 0x80)
        bytes.push_back(static_cast<char>(code_of(c)));
    else if (code_of(c) >= first_invalid)
        bytes.push_back(static_cast<char>(code_of(c) - first_invalid));
    else
        puna::append_utf8(bytes, static_cast<uint32_t>(code_of(c)));
}

Text with_flag(Text text, char32_t flag) {
    for (char32_t& c : text) c |= flag;
    return text;
}

Text as_one_message(Text text) {
    char32_t message = 0;
    for (char32_t c : text) {
        char32_t of = c & message_bits;
        if (of && message && of != message) return text;
        if (of) message = of;
    }
    return with_flag(std::move(text), message);
}

Text without_flag(Text text, char32_t flag) {
    for (char32_t& c : text) c &= ~flag;
    return text;
}

}  // namespace puna::jinja
