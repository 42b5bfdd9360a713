#include "tokenizer/added_tokens.h"

#include "tokenizer/sentencepiece.h"
#include "tokenizer/unicode.h"

#include <algorithm>
#include <vector>

namespace puna {

namespace {

// A control token is found everywhere, also where a normalizer would leave it only after a space.
std::vector<int32_t> ids_of_pass(const Vocabulary& vocabulary, bool normalized) {
    std::vector<int32_t> ids;
    for (int32_t id : vocabulary.added.ids()) {
        const AddedToken& token = vocabulary.added_tokens[*vocabulary.added.index_of(id)];
        bool is_exempt = token.control && has_space_normalizer(vocabulary);
        if ((token.normalized && !is_exempt) == normalized) ids.push_back(id);
    }
    return ids;
}

bool is_single_word(std::string_view text, size_t begin, size_t end) {
    bool word_before = begin > 0 && is_word(character_before(text, begin).code);
    bool word_after = end < text.size() && is_word(read_character(text, end).code);
    return !word_before && !word_after;
}

bool is_space(Character c) { return class_of(c.code) == CharacterClass::space; }

// keeps_space: all white space but ' '.
size_t begin_of_space(std::string_view text, size_t end, bool keeps_space) {
    while (end > 0 && is_space(character_before(text, end)) && !(keeps_space && text[end - 1] == ' '))
        end -= character_before(text, end).size;
    return end;
}

size_t end_of_space(std::string_view text, size_t begin, bool keeps_space) {
    while (begin < text.size() && is_space(read_character(text, begin)) && !(keeps_space && text[begin] == ' '))
        begin += read_character(text, begin).size;
    return begin;
}

}  // namespace

bool is_marker(std::string_view token) {
    return (token.starts_with('<') && token.ends_with('>')) || (token.starts_with('[') && token.ends_with(']'));
}

bool is_named_like_control(std::string_view token) {
    return is_marker(token) && (token.starts_with("<|") || token.starts_with("<\uff5c") || token.starts_with('['));
}

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

// A search in one text.
class AddedTokenFinder::Search {
 public:
    Search(const AddedTokenFinder& finder, const Vocabulary& vocabulary, const MayBeControl& may_be_control,
           const OnSpan& on_span)
        : finder_(finder),
          vocabulary_(vocabulary),
          may_be_control_(may_be_control),
          on_span_(on_span),
          has_normalizer_(has_space_normalizer(vocabulary)),
          prepends_(has_normalizer_ && vocabulary.sentencepiece.prefix == SpacePrefix::segments) {}

    void run(size_t pass, std::string_view text, bool begins) const {
        if (text.empty()) return;
        if (pass == finder_.passes_.size()) return on_span_(text, {}, begins);
        size_t done = 0;
        for (size_t at = 0; at < text.size();) {
            std::optional<int32_t> id = find(pass, text, at, done);
            if (!id) {
                ++at;
                continue;
            }
            const AddedToken& token = flags(*id);
            std::string_view name = text.substr(at, vocabulary_.added[*id].size());
            bool with_space = takes_space(token);
            size_t begin = at, end = at + name.size();
            at = end;
            // If the space is all that precedes it, the token has the one that was put before the text.
            bool is_texts_own = with_space && begin == 1;
            if (with_space && begin > 1) --begin;
            if (!is_permitted(token, name)) continue;
            if (token.single_word && !is_single_word(text, begin, end)) continue;
            if (token.lstrip) begin = std::min(end, std::max(done, begin_of_space(text, begin, keeps_space(token))));
            if (token.rstrip) end = end_of_space(text, end, keeps_space(token));
            if (done < begin) run(pass + 1, text.substr(done, begin - done), begins && !is_texts_own);
            on_span_(text.substr(begin, end - begin), id, false);
            done = end;
            if (with_space) begins = false;
        }
        run(pass + 1, text.substr(done), begins);
    }

 private:
    const AddedToken& flags(int32_t id) const { return vocabulary_.added_tokens[*vocabulary_.added.index_of(id)]; }
    bool takes_space(const AddedToken& token) const { return prepends_ && token.normalized && !token.control; }

    // The token of a pass at a position; the text before `done` belongs to others.
    std::optional<int32_t> find(size_t pass, std::string_view text, size_t at, size_t done) const {
        const PrefixFinder& tokens = finder_.passes_[pass];
        if (!tokens.may_begin(text[at])) return {};
        std::optional<int32_t> id = tokens.find(vocabulary_.added, text.substr(at));
        bool follows_space = at == 0 || (at > done && text[at - 1] == ' ');
        return id && takes_space(flags(*id)) && !follows_space ? std::nullopt : id;
    }

    bool is_permitted(const AddedToken& token, std::string_view name) const {
        if (!may_be_control_) return !token.control;
        return (!token.control && !is_named_like_control(name)) || may_be_control_(name);
    }
    // A normalizer that replaces spaces leaves none that could be stripped.
    bool keeps_space(const AddedToken& token) const { return has_normalizer_ && token.normalized && !token.control; }

    const AddedTokenFinder& finder_;
    const Vocabulary& vocabulary_;
    const MayBeControl& may_be_control_;
    const OnSpan& on_span_;
    bool has_normalizer_, prepends_;
};

void AddedTokenFinder::for_each_span(const Vocabulary& vocabulary, std::string_view text,
                                     const MayBeControl& may_be_control, const OnSpan& on_span) const {
    Search(*this, vocabulary, may_be_control, on_span).run(0, text, true);
}

}  // namespace puna
