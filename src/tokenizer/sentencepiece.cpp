#include "tokenizer/sentencepiece.h"

#include "core/error.h"
#include "tokenizer/bpe_encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace puna {

namespace {

// ---- pieces: what is merged by itself

size_t word_end(std::string_view text, size_t at) {
    at = std::min(text.find_first_not_of(' ', at), text.size());
    return std::min(text.find(' ', at), text.size());
}

size_t spaced_end(std::string_view text, size_t at) { return std::min(text.find(' ', at + 1), text.size()); }
size_t text_end(std::string_view text, size_t) { return text.size(); }

SplitPieces split_of(const SentencePieceRules& rules) {
    return rules.separate_spaces      ? split_by<spaced_end>
           : rules.words_are_separate ? split_by<word_end>
                                      : split_by<text_end>;
}

// ---- the encoder

std::string replace_all(std::string_view text, std::string_view old, std::string_view now) {
    std::string replaced;
    replaced.reserve(text.size());
    size_t done = 0;
    for (size_t at; (at = text.find(old, done)) != text.npos; done = at + old.size()) {
        replaced += text.substr(done, at - done);
        replaced += now;
    }
    return replaced += text.substr(done);
}

// Those at the beginning, and all but one between words.
std::string without_extra_spaces(std::string_view text) {
    std::string words;
    for (char c : text)
        if (c != ' ' || (!words.empty() && words.back() != ' ')) words += c;
    return words;
}

class SentencePieceEncoder : public SubwordEncoder {
 public:
    SentencePieceEncoder(const Vocabulary& vocabulary, size_t expected_bytes)
        : rules_(vocabulary.sentencepiece), bpe_(vocabulary, split_of(rules_), expected_bytes) {}

    std::vector<int32_t> encode(std::string_view text, Preceding preceding) override {
        return bpe_.encode(normalized(text, preceding));
    }

 private:
    std::string normalized(std::string_view text, Preceding preceding) const {
        std::string spaced =
            replace_all(rules_.remove_extra_spaces ? without_extra_spaces(text) : std::string(text), space_symbol, " ");
        if (rules_.remove_extra_spaces) spaced.resize(spaced.find_last_not_of(' ') + 1);
        bool prefixed = rules_.prefix == SpacePrefix::text       ? preceding == Preceding::nothing
                        : rules_.prefix == SpacePrefix::segments ? preceding != Preceding::text
                                                                 : false;
        bool has_one = rules_.prefix_unless_space && spaced.starts_with(' ');
        return prefixed && !has_one && !spaced.empty() ? " " + spaced : spaced;
    }

    const SentencePieceRules& rules_;
    BpeEncoder bpe_;
};

// ---- preparation

bool ends_before_next(std::string_view token, char boundary, bool after) {
    for (size_t at = token.find(boundary); at != token.npos; at = token.find(boundary, at + 1)) {
        bool crosses = after ? at + 1 < token.size() : at > 0 && token[at - 1] != boundary;
        if (crosses) return false;
    }
    return true;
}

}  // namespace

void prepare_sentencepiece(Vocabulary& vocabulary, std::string_view source) {
    SentencePieceRules& rules = vocabulary.sentencepiece;
    const std::vector<int32_t> ids = vocabulary.tokens.ids();
    bool all_bytes = rules.bytes.ids().size() == 256;
    if (!all_bytes && !rules.unknown)
        fail(ErrorKind::unsupported,
             "{}: has neither tokens for all bytes nor one for unknown characters: some texts have no ids", source);
    if (!vocabulary.merges) {
        check(std::ssize(rules.scores) >= vocabulary.tokens.end(), "{} scores", rules.scores.size());
        rules.ranks = rank_scores(rules.scores);
    }
    rules.user_defined_finder = PrefixFinder(vocabulary.tokens, rules.user_defined);
    auto all = [&](char boundary, bool after) {
        return std::all_of(ids.begin(), ids.end(),
                           [&](int32_t id) { return ends_before_next(vocabulary.tokens[id], boundary, after); });
    };
    // Runs of unknown characters are one, whatever is between, and a whole text may be a token.
    rules.words_are_separate = all_bytes && !vocabulary.whole_pieces && all(' ', false);
    rules.lines_are_separate = rules.words_are_separate && !rules.remove_extra_spaces && all('\n', true);
}

SafeCut sentencepiece_safe_cut(const Vocabulary& vocabulary) {
    if (!vocabulary.sentencepiece.lines_are_separate) return [](std::string_view text, size_t) { return text.size(); };
    return [](std::string_view text, size_t at) {
        size_t newline = text.find('\n', at);
        return newline == text.npos ? text.size() : newline + 1;
    };
}

std::unique_ptr<SubwordEncoder> make_sentencepiece_encoder(const Vocabulary& vocabulary, size_t expected_bytes) {
    return std::make_unique<SentencePieceEncoder>(vocabulary, expected_bytes);
}

std::vector<int32_t> rank_scores(const std::vector<float>& scores) {
    std::vector<int32_t> order(scores.size()), ranks(scores.size());
    std::iota(order.begin(), order.end(), 0);
    auto score = [&scores](int32_t id) { return scores[static_cast<size_t>(id)]; };
    std::sort(order.begin(), order.end(), [&score](int32_t a, int32_t b) { return score(a) > score(b); });
    int32_t next = 0;
    for (size_t i = 0; i < order.size(); ++i) {
        if (i > 0 && score(order[i]) != score(order[i - 1])) ++next;
        ranks[static_cast<size_t>(order[i])] = next;
    }
    return ranks;
}

std::vector<float> scores_of(const Vocabulary& vocabulary) {
    std::vector<float> scores = vocabulary.sentencepiece.scores;
    bool is_complete = !scores.empty();
    scores.resize(static_cast<size_t>(vocabulary.size()));  // added tokens from other files have none
    if (is_complete) return scores;
    std::vector<bool> scored(scores.size());
    float next = 0;
    auto score = [&](int32_t id) {
        auto index = static_cast<size_t>(id);
        if (!scored[index]) scores[index] = next--;
        scored[index] = true;
    };
    for (auto [left, right] : vocabulary.merges->pairs()) {
        std::string merged(vocabulary.tokens[left]);
        score(*vocabulary.tokens.find(merged += vocabulary.tokens[right]));
    }
    for (int32_t id : vocabulary.tokens.ids()) score(id);
    return scores;
}

bool has_space_normalizer(const Vocabulary& vocabulary) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    bool uses_metaspace = rules.prefix == SpacePrefix::text || rules.prefix_unless_space || rules.separate_spaces;
    return vocabulary.kind == VocabularyKind::sentencepiece && !uses_metaspace;
}

std::string spell_spaces(std::string_view token) { return replace_all(token, " ", space_symbol); }
std::string unspell_spaces(std::string_view spelled) { return replace_all(spelled, space_symbol, " "); }

std::optional<unsigned char> byte_of_name(std::string_view name) {
    unsigned char byte = 0;
    if (name.size() != 6 || !name.starts_with("<0x") || !name.ends_with('>')) return {};
    auto [end, problem] = std::from_chars(name.data() + 3, name.data() + 5, byte, 16);
    if (problem != std::errc() || end != name.data() + 5) return {};
    return byte;
}

std::string name_of_byte(unsigned char byte) { return fmt::format("<0x{:02X}>", byte); }

}  // namespace puna
