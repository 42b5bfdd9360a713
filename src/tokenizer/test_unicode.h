// tokenizer/test_unicode.h — for tests: random text of all scripts.
//
//   std::string text = random_unicode(7, 1000);             // the same for the same seed
#pragma once
#include "core/random.h"
#include "tokenizer/unicode.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace puna {

// Letters, numbers and spaces of all scripts, between marks, symbols and control characters whose class no later
// Unicode changes: the tables of what we compare with may be newer than ours.
inline std::string random_unicode(uint64_t seed, size_t characters) {
    std::vector<uint32_t> known;
    for (uint32_t code = 0; code < 0x110000; ++code)
        if (class_of(code) != CharacterClass::other) known.push_back(code);
    constexpr std::array<std::pair<uint32_t, uint32_t>, 7> others = {{{0x00, 0x1f},
                                                                      {0x21, 0x40},
                                                                      {0x300, 0x36f},
                                                                      {0x2010, 0x2060},
                                                                      {0x2190, 0x21ff},
                                                                      {0x1f600, 0x1f64f},
                                                                      {0xe000, 0xe0ff}}};
    Random random(seed);
    std::string text;
    for (size_t i = 0; i < characters; ++i) {
        auto [first, last] = others[random.below(others.size())];
        switch (random.below(6)) {
            case 0:
                append_utf8(text, known[random.below(known.size())]);
                break;
            case 1:
                append_utf8(text, first + static_cast<uint32_t>(random.below(last - first + 1)));
                break;
            case 2:
                text += " \n\r\t' "[random.below(6)];
                break;
            case 3:
                text += "stmdrvel1239"[random.below(12)];
                break;
            case 4:
                append_utf8(text, known[random.below(2000)]);
                break;
            default:
                text += static_cast<char>(' ' + random.below(95));
        }
    }
    return text;
}

}  // namespace puna
