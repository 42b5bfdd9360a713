#include "tokenizer/unicode.h"

#include <algorithm>

namespace puna {

namespace {

unsigned char byte_at(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]); }

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

bool is_word(uint32_t code) {
    if (class_of(code) == CharacterClass::letter) return true;
    const uint32_t* end = unicode_word_ranges + 2 * unicode_word_range_count;
    const uint32_t* after = std::upper_bound(unicode_word_ranges, end, code);
    bool inside = (after - unicode_word_ranges) % 2 == 1;  // between the first and last of a range
    return inside || (after > unicode_word_ranges && after[-1] == code);
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

}  // namespace puna
