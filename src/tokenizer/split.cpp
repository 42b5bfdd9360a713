#include "tokenizer/split.h"

namespace puna {

namespace {

// (?i:'s|'t|'re|'ve|'m|'ll|'d), after the apostrophe: the bytes that match. U+017F, the long s, folds to s.
size_t contraction_size(std::string_view after) {
    auto lower = [after](size_t i) { return i < after.size() ? after[i] | 0x20 : 0; };
    switch (lower(0)) {
        case 's':
        case 't':
        case 'm':
        case 'd':
            return 1;
        case 'r':
        case 'v':
            return lower(1) == 'e' ? 2 : 0;
        case 'l':
            return lower(1) == 'l' ? 2 : 0;
        default:
            return after.starts_with("\u017f") ? 2 : 0;
    }
}

// [^\s\p{L}\p{N}]+[\r\n]*
size_t punctuation_end(std::string_view text, size_t at) {
    at = skip(text, at, CharacterClass::other);
    while (at < text.size() && is_newline(text[at])) ++at;
    return at;
}

// \s*[\r\n]+|\s+(?!\S)|\s+: up to the last newline of the run, else all but its last character, else all.
size_t space_end(std::string_view text, size_t begin) {
    size_t at = begin, last = begin, after_newline = begin;
    while (at < text.size()) {
        ClassifiedCharacter c = classify(text, at);
        if (c.kind != CharacterClass::space) break;
        last = at;
        at += c.size;
        if (is_newline(text[last])) after_newline = at;
    }
    if (after_newline > begin) return after_newline;
    return at == text.size() || last == begin ? at : last;
}

}  // namespace

size_t general_piece_end(std::string_view text, size_t at) {
    ClassifiedCharacter first = classify(text, at);
    size_t next = at + first.size;
    if (first.kind == CharacterClass::letter) return skip(text, next, CharacterClass::letter);
    if (first.kind == CharacterClass::number) return skip(text, at, CharacterClass::number, 3);
    if (text[at] == '\'')
        if (size_t size = contraction_size(text.substr(next))) return next + size;
    if (!is_newline(text[at]) && begins(text, next, CharacterClass::letter))
        return skip(text, next, CharacterClass::letter);
    if (first.kind == CharacterClass::other) return punctuation_end(text, at);
    if (text[at] == ' ' && begins(text, next, CharacterClass::other)) return punctuation_end(text, next);
    return space_end(text, at);
}

size_t safe_cut(std::string_view text, size_t at) {
    // A newline ends its piece before a letter: no alternative has letters after a newline.
    for (; (at = text.find('\n', at)) != text.npos; ++at)
        if (begins(text, at + 1, CharacterClass::letter)) return at + 1;
    return text.size();
}

}  // namespace puna
