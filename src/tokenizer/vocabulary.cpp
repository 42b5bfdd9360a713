#include "tokenizer/vocabulary.h"

#include "core/error.h"

namespace puna {

MergeTable::MergeTable(size_t count) : slots_(3 * count / 2 + 1) {
    check(count < (1u << 31), "a table of {} merges", count);
    pairs_.reserve(count);
}

size_t MergeTable::slot_of(Pair pair) const {
    uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(pair.left)) << 32 | static_cast<uint32_t>(pair.right);
    uint64_t hash = (key ^ key >> 29) * 0x9e3779b97f4a7c15;
    hash = (hash ^ hash >> 32) * 0xd1342543de82ef95;
    auto slot = static_cast<size_t>(static_cast<unsigned __int128>(hash) * slots_.size() >> 64);
    while (slots_[slot] && pairs_[slots_[slot] - 1] != pair) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
    return slot;
}

bool MergeTable::add(int32_t left, int32_t right) {
    check(pairs_.size() < pairs_.capacity(), "more merges than were announced");
    size_t slot = slot_of({left, right});
    if (slots_[slot]) return false;
    pairs_.push_back({left, right});
    slots_[slot] = static_cast<uint32_t>(pairs_.size());
    return true;
}

std::optional<int32_t> MergeTable::find(int32_t left, int32_t right) const {
    uint32_t place = slots_[slot_of({left, right})];
    if (place == 0) return {};
    return static_cast<int32_t>(place - 1);
}

}  // namespace puna
