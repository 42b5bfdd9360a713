#include "tokenizer/unicode.h"

#include <algorithm>

namespace puna {

bool in_ranges(std::span<const uint32_t> ranges, uint32_t code) {
    auto after = std::upper_bound(ranges.begin(), ranges.end(), code);
    bool inside = (after - ranges.begin()) % 2 == 1;  // between the first and last of a range
    return inside || (after > ranges.begin() && after[-1] == code);
}

bool is_word(uint32_t code) {
    if (class_of(code) == CharacterClass::letter) return true;
    return in_ranges({unicode_word_ranges, 2 * unicode_word_range_count}, code);
}

bool is_punctuation(uint32_t code) {
    return in_ranges({unicode_punctuation_ranges, 2 * unicode_punctuation_range_count}, code);
}

}  // namespace puna
