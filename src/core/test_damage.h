// core/test_damage.h — for tests of parsers of binary formats: damaged copies of a valid text.
//
//   EXPECT_EQ(unnoticed_damage(bytes, [&](const std::string& text) { return error_of([&] { parse(text); }); }), "");
#pragma once
#include <cstddef>
#include <string>

namespace puna {

// Reads every shorter text, each of which must be an error, and the text with each of its bits flipped, which may be
// one but must not crash. parse_error(text): error_of (core/test_error.h) reading a text. Returns "", or what was
// accepted.
template <class ParseError>
std::string unnoticed_damage(const std::string& original, ParseError parse_error) {
    if (const std::string error = parse_error(original); error != "no error")
        return "the original is refused: " + error;
    for (size_t n = 0; n < original.size(); ++n)
        if (parse_error(original.substr(0, n)) == "no error")
            return "the first " + std::to_string(n) + " bytes are accepted";
    for (size_t at = 0; at < original.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            std::string changed = original;
            changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
            parse_error(changed);
        }
    return "";
}

}  // namespace puna
