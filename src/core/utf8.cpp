#include "core/utf8.h"

#include <algorithm>

namespace puna {

namespace {

unsigned char byte_at(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]); }

// The length in bytes of a character by its first byte; 0 if the byte cannot begin one.
constexpr uint32_t sequence_size(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

// Whether `second` may follow `first`: excludes overlong forms, surrogates and code points above U+10FFFF.
bool may_follow(unsigned char first, unsigned char second) {
    unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

}  // namespace

Character read_character(std::string_view text, size_t at) {
    unsigned char first = byte_at(text, at);
    if (first < 0x80) return {first, 1};
    uint32_t size = sequence_size(first);
    if (size == 0 || text.size() - at < size || !may_follow(first, byte_at(text, at + 1))) return {not_unicode, 1};
    uint32_t code = first & (0x7fu >> size);
    for (uint32_t i = 1; i < size; ++i) {
        unsigned char next = byte_at(text, at + i);
        if ((next & 0xc0) != 0x80) return {not_unicode, 1};
        code = code << 6 | (next & 0x3fu);
    }
    return {code, size};
}

Character character_before(std::string_view text, size_t at) {
    for (size_t size = std::min<size_t>(4, at); size > 1; --size) {
        Character c = read_character(text.substr(0, at), at - size);
        if (c.size == size) return c;
    }
    return read_character(text.substr(0, at), at - 1);
}

size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    Character c = read_character(text, 0);
    return c.code == not_unicode ? 0 : c.size;
}

size_t incomplete_tail(std::string_view text) {
    for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
        unsigned char byte = byte_at(text, text.size() - back);
        if ((byte & 0xc0) == 0x80) continue;
        if (sequence_size(byte) <= back) return 0;
        return back == 1 || may_follow(byte, byte_at(text, text.size() - back + 1)) ? back : 0;
    }
    return 0;
}

Utf8Errors find_utf8_errors(std::string_view text) {
    Utf8Errors errors;
    for (size_t at = 0; at < text.size();) {
        if (byte_at(text, at) < 0x80) {  // most of them
            ++at;
            continue;
        }
        Character c = read_character(text, at);
        if (c.code == not_unicode && errors.count++ == 0) errors.first = at;
        at += c.size;
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
