#include "tokenizer/split_gpt2.h"

#include "tokenizer/characters.h"

#include <algorithm>

namespace puna {

namespace {

// 's|'t|'re|'ve|'m|'ll|'d, after the apostrophe: the bytes that match.
size_t contraction_size(std::string_view after) {
    for (std::string_view ending : {"s", "t", "re", "ve", "m", "ll", "d"})
        if (after.starts_with(ending)) return ending.size();
    return 0;
}

// \s+(?!\S)|\s+: all but the last character before what is not white space, else all.
size_t space_end(std::string_view text, size_t begin, bool digits_separate) {
    size_t at = begin, last = begin;
    while (begins(text, at, CharacterClass::space)) {
        last = at;
        at += classify(text, at).size;
    }
    bool at_end = at == text.size() || (digits_separate && begins(text, at, CharacterClass::number));
    return at_end || last == begin ? at : last;
}

size_t piece_end_of(std::string_view text, size_t at, bool digits_separate) {
    bool spaced = text[at] == ' ';
    if (size_t end = ascii_word_end(text, at, spaced)) return end;
    ClassifiedCharacter first = classify(text, at);
    if (digits_separate && first.kind == CharacterClass::number) return at + first.size;
    if (text[at] == '\'')
        if (size_t size = contraction_size(text.substr(at + 1))) return at + 1 + size;
    size_t next = at + spaced;
    if (next == text.size()) return next;
    CharacterClass kind = classify(text, next).kind;
    if (kind == CharacterClass::space || (spaced && digits_separate && kind == CharacterClass::number))
        return space_end(text, at, digits_separate);
    return skip(text, next, kind);
}

}  // namespace

size_t gpt2_piece_end(std::string_view text, size_t at) { return piece_end_of(text, at, false); }
size_t starcoder_piece_end(std::string_view text, size_t at) { return piece_end_of(text, at, true); }

size_t gpt2_safe_cut(std::string_view text, size_t at) {
    // Only white space has a newline in its piece, and what precedes it here ends with its own kind of character.
    for (at = std::max<size_t>(at, 1); (at = text.find('\n', at)) != text.npos; ++at) {
        Character before = character_before(text, at);
        if (class_of(before.code) != CharacterClass::space) return at;
    }
    return text.size();
}

}  // namespace puna
