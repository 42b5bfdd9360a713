#include "tokenizer/token_table.h"

#include "core/error.h"
#include "core/hash.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace puna {

TokenTable::TokenTable(size_t count, size_t bytes)
    : spans_(count, {unset, 0}),
      slots_(2 * count + 1),
      index_mask_(std::bit_ceil(static_cast<uint32_t>(count) + 2) - 1) {
    check(count < (1u << 30) && bytes < unset, "token table too large: {} tokens, {} bytes", count, bytes);
    pool_.reserve(bytes);
    bytes_.fill(-1);
}

TokenTable::TokenTable(std::vector<int32_t> ids, size_t bytes) : TokenTable(ids.size(), bytes) {
    if (ids.empty()) return;
    bool ascending = std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
    check(ascending && ids.front() >= 0, "token table ids are not ascending");
    first_ = ids.front();
    bool has_gaps = static_cast<size_t>(ids.back() - first_) + 1 != ids.size();
    if (has_gaps) ids_ = std::move(ids);
}

size_t TokenTable::first_slot(uint64_t hash) const {
    return static_cast<size_t>(static_cast<unsigned __int128>(hash) * slots_.size() >> 64);
}

std::optional<size_t> TokenTable::index_with_gaps(int32_t id) const {
    auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
    if (at == ids_.end() || *at != id) return {};
    return static_cast<size_t>(at - ids_.begin());
}

std::vector<int32_t> TokenTable::ids() const {
    std::vector<int32_t> ids;
    ids.reserve(spans_.size());
    for (size_t index = 0; index < spans_.size(); ++index)
        if (spans_[index].begin != unset) ids.push_back(id_at(index));
    return ids;
}

int32_t TokenTable::end() const { return spans_.empty() ? 0 : id_at(spans_.size() - 1) + 1; }

bool TokenTable::set(int32_t id, std::string_view token) {
    std::optional<size_t> index = index_of(id);
    check(index.has_value(), "the token table has no id {}", id);
    if (token.empty() || spans_[*index].begin != unset || find(token)) return false;
    spans_[*index] = {static_cast<uint32_t>(pool_.size()), static_cast<uint32_t>(token.size())};
    pool_ += token;
    longest_ = std::max(longest_, token.size());
    if (token.size() == 1) bytes_[static_cast<unsigned char>(token[0])] = id;
    uint64_t hash = hash_bytes(token);
    size_t slot = first_slot(hash);
    while (slots_[slot]) slot = next_slot(slot);
    slots_[slot] = tag(hash) | static_cast<uint32_t>(*index + 1);
    return true;
}

std::optional<int32_t> TokenTable::find(std::string_view token) const {
    if (token.size() > longest_) return {};
    if (token.size() == 1) {
        int32_t id = find_byte(static_cast<unsigned char>(token[0]));
        return id < 0 ? std::nullopt : std::optional(id);
    }
    uint64_t hash = hash_bytes(token);
    for (size_t slot = first_slot(hash); slots_[slot]; slot = next_slot(slot)) {
        if ((slots_[slot] & ~index_mask_) != tag(hash)) continue;
        size_t index = (slots_[slot] & index_mask_) - 1;
        if (token_at(index) == token) return id_at(index);
    }
    return {};
}

}  // namespace puna
