#include "tokenizer/unicode.h"

#include <algorithm>

namespace puna {

bool is_word(uint32_t code) {
    if (class_of(code) == CharacterClass::letter) return true;
    const uint32_t* end = unicode_word_ranges + 2 * unicode_word_range_count;
    const uint32_t* after = std::upper_bound(unicode_word_ranges, end, code);
    bool inside = (after - unicode_word_ranges) % 2 == 1;  // between the first and last of a range
    return inside || (after > unicode_word_ranges && after[-1] == code);
}

}  // namespace puna
