#include "core/utf8.h"

namespace puna {

namespace {

struct Range {
    unsigned char low, high;
};

// The valid range of the second byte after a given first byte.
Range second_byte(unsigned char first) {
    switch (first) {
        case 0xe0:
            return {0xa0, 0xbf};  // below: overlong
        case 0xed:
            return {0x80, 0x9f};  // above: surrogates
        case 0xf0:
            return {0x90, 0xbf};
        case 0xf4:
            return {0x80, 0x8f};  // above: beyond U+10FFFF
        default:
            return {0x80, 0xbf};
    }
}

}  // namespace

size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    unsigned char first = byte(0);
    if (first < 0x80) return 1;
    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    Range second = second_byte(first);
    if (byte(1) < second.low || byte(1) > second.high) return 0;
    for (size_t i = 2; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    return length;
}

Utf8Errors find_utf8_errors(std::string_view text) {
    Utf8Errors errors;
    for (size_t at = 0; at < text.size();) {
        if (static_cast<unsigned char>(text[at]) < 0x80) {
            ++at;
            continue;
        }
        size_t length = utf8_length(text.substr(at, 4));
        if (length == 0 && errors.count++ == 0) errors.first = at;
        at += length > 0 ? length : 1;
    }
    return errors;
}

void append_utf8(std::string& text, uint32_t code) {
    auto add = [&text](uint32_t byte) { text += static_cast<char>(byte); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
        add(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        add(0xe0 | code >> 12);
        add(0x80 | (code >> 6 & 0x3f));
    } else {
        add(0xf0 | code >> 18);
        add(0x80 | (code >> 12 & 0x3f));
        add(0x80 | (code >> 6 & 0x3f));
    }
    add(0x80 | (code & 0x3f));
}

}  // namespace puna
