#include "tokenizer/added_tokens.h"

#include "tokenizer/unicode.h"

#include <algorithm>
#include <vector>

namespace puna {

namespace {

std::vector<int32_t> ids_of_pass(const Vocabulary& vocabulary, bool normalized) {
    std::vector<int32_t> ids;
    for (int32_t id : vocabulary.added.ids())
        if (vocabulary.added_tokens[*vocabulary.added.index_of(id)].normalized == normalized) ids.push_back(id);
    return ids;
}

bool is_single_word(std::string_view text, size_t begin, size_t end) {
    bool word_before = begin > 0 && is_word(character_before(text, begin).code);
    bool word_after = end < text.size() && is_word(read_character(text, end).code);
    return !word_before && !word_after;
}

bool is_space(Character c) { return class_of(c.code) == CharacterClass::space; }

size_t begin_of_space(std::string_view text, size_t end) {
    while (end > 0 && is_space(character_before(text, end))) end -= character_before(text, end).size;
    return end;
}

size_t end_of_space(std::string_view text, size_t begin) {
    while (begin < text.size() && is_space(read_character(text, begin))) begin += read_character(text, begin).size;
    return begin;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(const Vocabulary& vocabulary)
    : passes_{PrefixFinder(vocabulary.added, ids_of_pass(vocabulary, false)),
              PrefixFinder(vocabulary.added, ids_of_pass(vocabulary, true))} {
    for (int32_t id : vocabulary.added.ids()) {
        if (vocabulary.token_kind(id) != TokenKind::added) continue;
        finds_text_ = true;
        const AddedToken& token = vocabulary.added_tokens[*vocabulary.added.index_of(id)];
        crosses_lines_ =
            crosses_lines_ || token.lstrip || token.rstrip || vocabulary.added[id].find('\n') != std::string_view::npos;
    }
}

void AddedTokenFinder::for_each_span(const Vocabulary& vocabulary, std::string_view text,
                                     const MayBeControl& may_be_control, const OnSpan& on_span) const {
    search(0, vocabulary, text, may_be_control, on_span);
}

void AddedTokenFinder::search(size_t pass, const Vocabulary& vocabulary, std::string_view text,
                              const MayBeControl& may_be_control, const OnSpan& on_span) const {
    if (text.empty()) return;
    if (pass == passes_.size()) return on_span(text, {});
    size_t done = 0;
    for (size_t at = 0; at < text.size();) {
        std::optional<int32_t> id;
        if (passes_[pass].may_begin(text[at])) id = passes_[pass].find(vocabulary.added, text.substr(at));
        if (!id) {
            ++at;
            continue;
        }
        const AddedToken& token = vocabulary.added_tokens[*vocabulary.added.index_of(*id)];
        size_t begin = at, end = at + vocabulary.added[*id].size();
        at = end;
        bool allowed = !token.control || (may_be_control && may_be_control(text.substr(begin, end - begin)));
        if (!allowed) continue;
        if (token.single_word && !is_single_word(text, begin, end)) continue;
        if (token.lstrip) begin = std::min(end, std::max(done, begin_of_space(text, begin)));
        if (token.rstrip) end = end_of_space(text, end);
        if (done < begin) search(pass + 1, vocabulary, text.substr(done, begin - done), may_be_control, on_span);
        on_span(text.substr(begin, end - begin), id);
        done = end;
    }
    search(pass + 1, vocabulary, text.substr(done), may_be_control, on_span);
}

}  // namespace puna
