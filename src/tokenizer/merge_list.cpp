#include "tokenizer/merge_list.h"

#include "core/error.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/sentencepiece.h"

#include <algorithm>
#include <tuple>

namespace puna {

namespace {

bool is_byte_level(const Vocabulary& vocabulary) { return vocabulary.kind == VocabularyKind::byte_bpe; }

// In the order of Hugging Face's converters: by the merged token's rank, then by the ids of its halves. ranks: by id;
// empty: the ids.
std::vector<MergeTable::Pair> all_splits(const Vocabulary& vocabulary, const std::vector<int32_t>& ranks) {
    struct Split {
        int32_t rank;
        MergeTable::Pair pair;
    };
    std::vector<Split> splits;
    SplitCursor cursor(vocabulary.tokens);
    while (const MergeTable::Pair* pair = cursor.next())
        splits.push_back({ranks.empty() ? cursor.merged() : ranks[static_cast<size_t>(cursor.merged())], *pair});
    std::stable_sort(splits.begin(), splits.end(), [](const Split& a, const Split& b) {
        return std::tie(a.rank, a.pair.left, a.pair.right) < std::tie(b.rank, b.pair.left, b.pair.right);
    });
    std::vector<MergeTable::Pair> pairs;
    for (const Split& split : splits) pairs.push_back(split.pair);
    return pairs;
}

size_t count_splits(const Vocabulary& vocabulary) {
    size_t splits = 0;
    SplitCursor cursor(vocabulary.tokens);
    while (cursor.next()) ++splits;
    return splits;
}

}  // namespace

SplitCursor::SplitCursor(const TokenTable& tokens) : tokens_(tokens), ids_(tokens.ids()), prefixes_(tokens.size(), -1) {
    for (int32_t id : ids_) {
        std::string_view token = tokens[id];
        std::optional<int32_t> prefix;
        for (size_t size = token.size() - 1; size > 0 && !prefix; --size) prefix = tokens.find(token.substr(0, size));
        if (prefix) prefixes_[*tokens.index_of(id)] = *prefix;
    }
}

const MergeTable::Pair* SplitCursor::next() {
    while (split_ == splits_.size()) {
        if (token_ == ids_.size()) return nullptr;
        merged_ = ids_[token_++];
        list_splits();
    }
    return &splits_[split_++];
}

// Every token that begins another one is its longest prefix, or begins that.
void SplitCursor::list_splits() {
    splits_.clear();
    split_ = 0;
    auto longest_prefix = [this](int32_t id) { return prefixes_[*tokens_.index_of(id)]; };
    std::string_view token = tokens_[merged_];
    for (int32_t left = longest_prefix(merged_); left >= 0; left = longest_prefix(left))
        if (std::optional<int32_t> right = tokens_.find(token.substr(tokens_[left].size())))
            splits_.push_back({left, *right});
    std::sort(splits_.begin(), splits_.end(), [](MergeTable::Pair a, MergeTable::Pair b) { return a.left < b.left; });
}

MergeReader::MergeReader(Vocabulary& vocabulary, size_t count, std::string_view where)
    : vocabulary_(vocabulary), where_(where), count_(count) {
    if (is_byte_level(vocabulary))
        expected_.emplace(vocabulary.tokens);
    else
        store_merges();
}

void MergeReader::add(std::string_view left, std::string_view right) {
    if (expected_ && !is_next_split(left, right)) store_merges();
    if (!expected_) {
        int32_t left_id = find(left), right_id = find(right);
        std::string both(vocabulary_.tokens[left_id]);
        std::optional<int32_t> merged = vocabulary_.tokens.find(both += vocabulary_.tokens[right_id]);
        if (!merged)
            fail(ErrorKind::damaged, "{}: '{}' and '{}' are merged, but the result is not a {}token", where_,
                 printable(left), printable(right), vocabulary_.added.find(both) ? "text " : "");
        store(left_id, right_id, *merged);
    }
    ++read_;
}

bool MergeReader::is_next_split(std::string_view left, std::string_view right) {
    const MergeTable::Pair* split = expected_->next();
    return split && is_spelling(left, vocabulary_.tokens[split->left]) &&
           is_spelling(right, vocabulary_.tokens[split->right]);
}

// From the first merge on that is not the expected one.
void MergeReader::store_merges() {
    expected_.reset();
    splits_ = count_splits(vocabulary_);
    vocabulary_.merges.emplace(count_, std::min(count_, splits_));
    SplitCursor cursor(vocabulary_.tokens);
    for (size_t i = 0; i < read_; ++i) {
        MergeTable::Pair pair = *cursor.next();
        store(pair.left, pair.right, cursor.merged());
    }
}

void MergeReader::store(int32_t left, int32_t right, int32_t merged) {
    bool is_new = vocabulary_.merges->add(left, right);
    by_merged_id_ = by_merged_id_ && is_new && merged >= last_;
    last_ = merged;
}

void MergeReader::finish() {
    if (expected_ && expected_->next()) store_merges();
    if (is_byte_level(vocabulary_) && read_ == splits_ && by_merged_id_) vocabulary_.merges.reset();
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
