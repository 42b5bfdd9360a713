#include "tokenizer/split_deepseek.h"

#include "tokenizer/unicode.h"

#include <array>
#include <cstdint>
#include <iterator>

namespace puna {

namespace {

// [A-Za-zµÀ-Ö...]: first and last of each range of deepseek-llm's cased letters.
constexpr uint32_t cased_letters[] = {
    0x41,    0x5a,    0x61,    0x7a,    0xb5,    0xb5,    0xc0,    0xd6,    0xd8,    0xf6,    0xf8,    0x1ba,   0x1bc,
    0x1bf,   0x1c4,   0x293,   0x295,   0x2af,   0x370,   0x373,   0x376,   0x376,   0x377,   0x377,   0x37b,   0x37d,
    0x37f,   0x37f,   0x386,   0x386,   0x388,   0x38a,   0x38c,   0x38c,   0x38e,   0x3a1,   0x3a3,   0x3f5,   0x3f7,
    0x481,   0x48a,   0x52f,   0x531,   0x556,   0x10a0,  0x10c5,  0x13a0,  0x13f5,  0x13f8,  0x13fd,  0x1c90,  0x1cba,
    0x1cbd,  0x1cbf,  0x1d00,  0x1d2b,  0x1d6b,  0x1d77,  0x1d79,  0x1d9a,  0x1e00,  0x1f15,  0x1f18,  0x1f1d,  0x1f20,
    0x1f45,  0x1f48,  0x1f4d,  0x1f50,  0x1f57,  0x1f59,  0x1f59,  0x1f5b,  0x1f5b,  0x1f5d,  0x1f5d,  0x1f5f,  0x1f7d,
    0x1f80,  0x1fb4,  0x1fb6,  0x1fbc,  0x1fbe,  0x1fbe,  0x1fc2,  0x1fc4,  0x1fc6,  0x1fcc,  0x1fd0,  0x1fd3,  0x1fd6,
    0x1fdb,  0x1fe0,  0x1fec,  0x1ff2,  0x1ff4,  0x1ff6,  0x1ffc,  0x2102,  0x2102,  0x2107,  0x2107,  0x210a,  0x2113,
    0x2115,  0x2115,  0x2119,  0x211d,  0x2124,  0x2124,  0x2126,  0x2126,  0x2128,  0x2128,  0x212a,  0x212d,  0x212f,
    0x2134,  0x2139,  0x2139,  0x213c,  0x213f,  0x2145,  0x2149,  0x214e,  0x214e,  0x2183,  0x2183,  0x2184,  0x2184,
    0x2c00,  0x2c7b,  0x2c7e,  0x2ce4,  0x2ceb,  0x2cee,  0x2cf2,  0x2cf2,  0x2cf3,  0x2cf3,  0xa640,  0xa66d,  0xa680,
    0xa69b,  0xa722,  0xa76f,  0xa771,  0xa787,  0xa78b,  0xa78e,  0xab70,  0xabbf,  0xfb00,  0xfb06,  0xfb13,  0xfb17,
    0xff21,  0xff3a,  0xff41,  0xff5a,  0x10400, 0x1044f, 0x104b0, 0x104d3, 0x104d8, 0x104fb, 0x10c80, 0x10cb2, 0x10cc0,
    0x10cf2, 0x118a0, 0x118df, 0x1e900, 0x1e943,
};
// [!-/:-~...]
constexpr uint32_t llm_punctuation[] = {'!',    '/',    ':',    '~',    0x2018, 0x201f,
                                        0x3000, 0x3002, 0xff01, 0xff0f, 0xff1a, 0xff5e};

struct Utf8Text {
    std::array<char, 1024> bytes{};
    size_t size = 0;

    constexpr void add(uint32_t code) {
        auto put = [this](uint32_t byte) { bytes[size++] = static_cast<char>(byte); };
        if (code < 0x80) return put(code);
        if (code >= 0x10000) put(0xf0 | code >> 18);
        if (code >= 0x10000) put(0x80 | (code >> 12 & 0x3f));
        if (code >= 0x800 && code < 0x10000) put(0xe0 | code >> 12);
        put(code < 0x800 ? 0xc0 | code >> 6 : 0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    }
    constexpr void add(std::string_view text) {
        for (char c : text) bytes[size++] = c;
    }
};

constexpr Utf8Text word_text = [] {
    Utf8Text text;
    text.add("\\s?[");
    for (size_t i = 0; i < std::size(cased_letters); i += 2) {
        text.add(cased_letters[i]);
        if (cased_letters[i] == cased_letters[i + 1]) continue;
        text.add('-');
        text.add(cased_letters[i + 1]);
    }
    text.add("]+");
    return text;
}();

// A character by what the splits ask of it.
struct Sides {
    bool newline = false, number = false, space = false;
    bool word = false, punctuation = false;  // of the second and third split
    bool east_asian = false;
    uint32_t size = 0;  // bytes; 0: the text has ended
};

Sides sides_of(Character c) {
    CharacterClass kind = class_of(c.code);
    bool hangul = c.code >= 0xac00 && c.code <= 0xd7ff;
    return {.newline = c.code == '\n' || c.code == '\r',
            .number = kind == CharacterClass::number,
            .space = kind == CharacterClass::space,
            .east_asian = hangul || (c.code >= 0x800 && c.code <= 0x9fa5),
            .size = c.size};
}

struct Coder {
    static constexpr bool cuts_off_last_space = false;
    static Sides read(std::string_view text, size_t at) {
        if (at >= text.size()) return {};
        Character c = read_character(text, at);
        Sides sides = sides_of(c);
        sides.word = class_of(c.code) == CharacterClass::letter;
        sides.punctuation = is_punctuation(c.code);
        return sides;
    }
};

struct Llm {
    static constexpr bool cuts_off_last_space = true;
    static Sides read(std::string_view text, size_t at) {
        if (at >= text.size()) return {};
        Character c = read_character(text, at);
        Sides sides = sides_of(c);
        sides.word = in_ranges(cased_letters, c.code);
        sides.punctuation = in_ranges(llm_punctuation, c.code);
        return sides;
    }
};

// Whether \s?X+ begins or ends between `before` and `after`, where `next` follows. The white space before a run of X is
// always free to be matched: it begins the same piece, or is alone before it.
bool cuts(bool Sides::*x, const Sides& before, const Sides& after, const Sides& next) {
    if (before.*x) return !(after.*x);
    if (after.*x) return !before.space;
    return after.space && next.*x;
}

template <class Pattern>
class Splitter {
 public:
    explicit Splitter(std::string_view text) : text_(text) {}

    size_t piece_end(size_t at) const {
        for (Sides before = read(at), after;; before = after) {
            at += before.size;
            after = read(at);
            if (after.size == 0 || ends_between(before, after, at)) return at;
        }
    }

 private:
    Sides read(size_t at) const { return Pattern::read(text_, at); }

    bool ends_between(const Sides& before, const Sides& after, size_t at) const {
        if (before.number || after.number || before.east_asian != after.east_asian) return true;
        if (is_cut_early(before, after, at)) return true;
        return Pattern::cuts_off_last_space && after.space && !before.space && is_last_space(at);
    }

    // By the splits before that of the last space. `after` is at `at`.
    bool is_cut_early(const Sides& before, const Sides& after, size_t at) const {
        if (before.newline || after.newline) return true;
        Sides next = read(at + after.size);
        if (cuts(&Sides::word, before, after, next)) return true;
        // U+3000 is white space and punctuation: before a word it is the former, and in the word's piece.
        bool apart = next.space && cuts(&Sides::word, after, next, read(at + after.size + next.size));
        return cuts(&Sides::punctuation, before, after, apart ? Sides() : next);
    }

    // Whether nothing but white space follows in what the earlier splits have made a piece.
    bool is_last_space(size_t at) const {
        Sides before = read(at);
        while (before.space) {
            at += before.size;
            Sides after = read(at);
            if (after.size == 0 || is_cut_early(before, after, at)) return true;
            before = after;
        }
        return false;
    }

    std::string_view text_;
};

}  // namespace

const std::string_view deepseek_llm_word{word_text.bytes.data(), word_text.size};

size_t deepseek_coder_piece_end(std::string_view text, size_t at) { return Splitter<Coder>(text).piece_end(at); }
size_t deepseek_llm_piece_end(std::string_view text, size_t at) { return Splitter<Llm>(text).piece_end(at); }

size_t deepseek_safe_cut(std::string_view text, size_t at) {
    size_t newline = text.find('\n', at);
    return newline == text.npos ? text.size() : newline + 1;
}

}  // namespace puna
