#include "tokenizer/vocabulary.h"

#include "core/error.h"
#include "core/hash.h"

#include <numeric>

namespace puna {

namespace {

constexpr MergeTable::Pair moved{-1, -1};

}  // namespace

MergeTable::MergeTable(size_t count, size_t distinct) : slots_(3 * distinct / 2 + 1) {
    check(count < (1u << 31) && distinct <= count, "merge table: {} merges, {} distinct", count, distinct);
    pairs_.reserve(count);
}

size_t MergeTable::slot_of(Pair pair) const {
    uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(pair.left)) << 32 | static_cast<uint32_t>(pair.right);
    auto slot = static_cast<size_t>(static_cast<unsigned __int128>(mix_bits(key)) * slots_.size() >> 64);
    while (slots_[slot] && pairs_[slots_[slot] - 1] != pair) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
    return slot;
}

bool MergeTable::add(int32_t left, int32_t right) {
    check(pairs_.size() < pairs_.capacity(), "more merges than the table's capacity");
    size_t slot = slot_of({left, right});
    bool is_new = slots_[slot] == 0;
    if (!is_new) pairs_[slots_[slot] - 1] = moved;
    pairs_.push_back({left, right});
    slots_[slot] = static_cast<uint32_t>(pairs_.size());
    return is_new;
}

std::optional<int32_t> MergeTable::find(int32_t left, int32_t right) const {
    uint32_t entry = slots_[slot_of({left, right})];
    if (entry == 0) return {};
    return static_cast<int32_t>(entry - 1);
}

std::vector<MergeTable::Pair> MergeTable::pairs() const {
    std::vector<Pair> pairs;
    std::copy_if(pairs_.begin(), pairs_.end(), std::back_inserter(pairs), [](Pair pair) { return pair != moved; });
    return pairs;
}

TokenKind Vocabulary::token_kind(int32_t id) const {
    if (!added[id].empty()) return added_tokens[*added.index_of(id)].control ? TokenKind::control : TokenKind::added;
    return tokens[id].empty() && sentencepiece.bytes[id].empty() ? TokenKind::none : TokenKind::text;
}

std::optional<int32_t> Vocabulary::find_id(int64_t id) const {
    if (id < 0 || id >= size() || token_kind(static_cast<int32_t>(id)) == TokenKind::none) return {};
    return static_cast<int32_t>(id);
}

std::string_view Vocabulary::bytes(int32_t id) const {
    std::string_view text = tokens[id];
    if (text.empty()) text = added[id];
    return text.empty() ? sentencepiece.bytes[id] : text;
}

void Vocabulary::append_controls(const std::vector<std::string>& names, std::optional<int32_t> first) {
    check(added.size() == 0, "cannot append control tokens: there are {} added tokens", added.size());
    size_t bytes = 0;
    for (const std::string& name : names) bytes += name.size();
    std::vector<int32_t> ids(names.size());
    std::iota(ids.begin(), ids.end(), first.value_or(size()));
    added = TokenTable(ids, bytes);
    added_tokens.assign(names.size(), {.control = true});
    for (size_t i = 0; i < names.size(); ++i)
        check(added.set(ids[i], names[i]), "duplicate control token {}", names[i]);
}

}  // namespace puna
