#include "tokenizer/merge_list.h"

#include "core/error.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/sentencepiece.h"

#include <algorithm>
#include <tuple>

namespace puna {

namespace {

bool is_byte_level(const Vocabulary& vocabulary) { return vocabulary.kind == VocabularyKind::byte_bpe; }

// Calls on_split(left, right, merged) for each way to split a token into two others, by the token's id.
template <class F>
void for_each_split(const TokenTable& tokens, F on_split) {
    for (int32_t merged : tokens.ids()) {
        std::string_view token = tokens[merged];
        for (size_t cut = 1; cut < token.size(); ++cut) {
            std::optional<int32_t> left = tokens.find(token.substr(0, cut));
            std::optional<int32_t> right = left ? tokens.find(token.substr(cut)) : std::nullopt;
            if (right) on_split(*left, *right, merged);
        }
    }
}

// In the order of Hugging Face's converters: by the merged token's rank, then by the ids of its halves. ranks: by id;
// empty: the ids.
std::vector<MergeTable::Pair> all_splits(const Vocabulary& vocabulary, const std::vector<int32_t>& ranks) {
    struct Split {
        int32_t rank;
        MergeTable::Pair pair;
    };
    std::vector<Split> splits;
    for_each_split(vocabulary.tokens, [&](int32_t left, int32_t right, int32_t merged) {
        splits.push_back({ranks.empty() ? merged : ranks[static_cast<size_t>(merged)], {left, right}});
    });
    std::stable_sort(splits.begin(), splits.end(), [](const Split& a, const Split& b) {
        return std::tie(a.rank, a.pair.left, a.pair.right) < std::tie(b.rank, b.pair.left, b.pair.right);
    });
    std::vector<MergeTable::Pair> pairs;
    for (const Split& split : splits) pairs.push_back(split.pair);
    return pairs;
}

size_t count_splits(const Vocabulary& vocabulary) {
    size_t splits = 0;
    for_each_split(vocabulary.tokens, [&splits](int32_t, int32_t, int32_t) { ++splits; });
    return splits;
}

}  // namespace

MergeReader::MergeReader(Vocabulary& vocabulary, size_t count, std::string_view where)
    : vocabulary_(vocabulary), where_(where), count_(count), splits_(count_splits(vocabulary)) {
    vocabulary_.merges.emplace(count, std::min(count, splits_));
}

void MergeReader::add(std::string_view left, std::string_view right) {
    int32_t left_id = find(left), right_id = find(right);
    std::string both(vocabulary_.tokens[left_id]);
    std::optional<int32_t> merged = vocabulary_.tokens.find(both += vocabulary_.tokens[right_id]);
    if (!merged)
        fail(ErrorKind::damaged, "{}: '{}' and '{}' are merged, but the result is not a {}token", where_,
             printable(left), printable(right), vocabulary_.added.find(both) ? "text " : "");
    bool is_new = vocabulary_.merges->add(left_id, right_id);
    by_merged_id_ = by_merged_id_ && is_new && *merged >= last_;
    last_ = *merged;
}

void MergeReader::finish() {
    if (is_byte_level(vocabulary_) && count_ == splits_ && by_merged_id_) vocabulary_.merges.reset();
}

int32_t MergeReader::find(std::string_view spelled) const {
    std::optional<std::string> token = unspell_token(vocabulary_, spelled);
    std::optional<int32_t> id = token ? vocabulary_.tokens.find(*token) : std::nullopt;
    if (!id) fail(ErrorKind::damaged, "{}: '{}' is merged, but is not a text token", where_, printable(spelled));
    return *id;
}

std::vector<MergeTable::Pair> list_merges(const Vocabulary& vocabulary) {
    return vocabulary.merges ? vocabulary.merges->pairs() : all_splits(vocabulary, vocabulary.sentencepiece.ranks);
}

bool has_other_merges(const Vocabulary& vocabulary) {
    return vocabulary.merges &&
           vocabulary.merges->pairs() != all_splits(vocabulary, rank_scores(scores_of(vocabulary)));
}

std::string spell_token(const Vocabulary& vocabulary, std::string_view token) {
    return is_byte_level(vocabulary) ? bytes_to_unicode(token) : spell_spaces(token);
}

std::optional<std::string> unspell_token(const Vocabulary& vocabulary, std::string_view spelled) {
    if (is_byte_level(vocabulary)) return unicode_to_bytes(spelled);
    return unspell_spaces(spelled);
}

}  // namespace puna
