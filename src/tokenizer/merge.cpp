#include "tokenizer/merge.h"

#include "core/error.h"
#include "core/utf8.h"

#include <algorithm>
#include <functional>

namespace puna {

void Merger::append(std::vector<int32_t>& ids, std::string_view piece) {
    if (vocabulary_.whole_pieces) {
        if (std::optional<int32_t> id = vocabulary_.tokens.find(piece)) return ids.push_back(*id);
    }
    if (piece.empty()) return;
    if (piece.size() >= none) fail("text has {} bytes without a split point; cut it into smaller texts", piece.size());
    bool by_bytes = vocabulary_.kind == VocabularyKind::byte_bpe;
    by_bytes ? split_bytes(piece) : split_characters(piece);
    piece.size() > max_scanned ? merge_by_heap(piece) : merge_by_scanning(piece);
    for (uint32_t at = 0; at != none; at = parts_[at].next)
        by_bytes ? ids.push_back(parts_[at].id) : append_ids(ids, bytes_at(at, piece), parts_[at].id);
}

void Merger::split_bytes(std::string_view piece) {
    auto size = static_cast<uint32_t>(piece.size());
    parts_.resize(size);
    for (uint32_t i = 0; i < size; ++i) {
        int32_t id = vocabulary_.tokens.find_byte(static_cast<unsigned char>(piece[i]));
        parts_[i] = {i + 1 < size ? i + 1 : none, i - 1, id, never};
    }
    for (uint32_t i = 0; i < size; ++i) parts_[i].rank = merge_rank(i, piece);
}

void Merger::split_characters(std::string_view piece) {
    parts_.assign(piece.size(), {none, none, no_token, never});
    unused_.clear();
    for (uint32_t at = 0, before = none, next; at < piece.size(); before = at, at = next) {
        std::optional<int32_t> id =
            vocabulary_.sentencepiece.user_defined_finder.find(vocabulary_.tokens, piece.substr(at));
        if (id) {
            next = at + static_cast<uint32_t>(vocabulary_.tokens[*id].size());
            id = *id | frozen;
        } else {
            next = at + read_character(piece, at).size;
            id = vocabulary_.tokens.find(piece.substr(at, next - at));
        }
        parts_[at] = {next < piece.size() ? next : none, before, id.value_or(no_token), never};
    }
    for (uint32_t at = 0; at != none; at = parts_[at].next) parts_[at].rank = merge_rank(at, piece);
}

std::string_view Merger::bytes_at(uint32_t at, std::string_view piece) const {
    uint32_t next = parts_[at].next;
    return piece.substr(at, next == none ? piece.npos : next - at);
}

// The bytes of a part and the next one, which must exist.
std::string_view Merger::joined(uint32_t at, std::string_view piece) const {
    uint32_t end = parts_[parts_[at].next].next;
    return piece.substr(at, end == none ? piece.npos : end - at);
}

int32_t Merger::merge_rank(uint32_t at, std::string_view piece) {
    const Part& part = parts_[at];
    if (part.next == none) return never;
    if (vocabulary_.merges) return vocabulary_.merges->find(part.id, parts_[part.next].id).value_or(never);
    if (vocabulary_.kind == VocabularyKind::byte_bpe) return vocabulary_.tokens.find(joined(at, piece)).value_or(never);
    return token_rank(at, piece);
}

// Of the SentencePiece token that a part and the next one form.
int32_t Merger::token_rank(uint32_t at, std::string_view piece) {
    const SentencePieceRules& rules = vocabulary_.sentencepiece;
    if (parts_[at].id >= frozen || parts_[parts_[at].next].id >= frozen) return never;
    std::optional<int32_t> id = vocabulary_.tokens.find(joined(at, piece));
    if (!id) return never;
    if (std::binary_search(rules.unused.begin(), rules.unused.end(), *id)) unused_[*id] = parts_[at].next - at;
    return rules.ranks[static_cast<size_t>(*id)];
}

// Merges the part with the next one, then updates the ranks of the two merges that it now takes part in.
void Merger::merge(uint32_t at, std::string_view piece) {
    Part& part = parts_[at];
    Part& right = parts_[part.next];
    bool rank_is_id = !vocabulary_.merges && vocabulary_.kind == VocabularyKind::byte_bpe;
    part.id = rank_is_id ? part.rank : vocabulary_.tokens.find(joined(at, piece)).value();
    part.next = right.next;
    right.rank = never;
    if (part.next != none) parts_[part.next].before = at;
    part.rank = merge_rank(at, piece);
    if (part.before != none) parts_[part.before].rank = merge_rank(part.before, piece);
}

void Merger::merge_by_scanning(std::string_view piece) {
    while (true) {
        uint32_t best = 0;
        for (uint32_t at = 0; at != none; at = parts_[at].next)
            if (parts_[at].rank < parts_[best].rank) best = at;
        if (parts_[best].rank == never) return;
        merge(best, piece);
    }
}

void Merger::merge_by_heap(std::string_view piece) {
    auto entry = [this](uint32_t at) { return static_cast<uint64_t>(parts_[at].rank) << 32 | at; };
    auto push = [&](uint32_t at) {
        if (at == none || parts_[at].rank == never) return;
        heap_.push_back(entry(at));
        std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    };
    heap_.clear();
    heap_.reserve(piece.size());
    for (uint32_t at = 0; at < parts_.size(); ++at)
        if (parts_[at].rank != never) heap_.push_back(entry(at));
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
    while (!heap_.empty()) {
        uint64_t top = heap_.front();
        std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
        heap_.pop_back();
        auto at = static_cast<uint32_t>(top);
        if (entry(at) != top) continue;  // stale: the part was merged since, or has another rank now
        merge(at, piece);
        push(at);
        push(parts_[at].before);
    }
}

void Merger::append_ids(std::vector<int32_t>& ids, std::string_view bytes, int32_t id) const {
    if (id == no_token) return append_unknown(ids, bytes);
    id &= ~frozen;
    auto unused = unused_.find(id);
    if (unused == unused_.end()) return ids.push_back(id);
    for (std::string_view half : {bytes.substr(0, unused->second), bytes.substr(unused->second)})
        append_ids(ids, half, vocabulary_.tokens.find(half).value_or(no_token));
}

void Merger::append_unknown(std::vector<int32_t>& ids, std::string_view bytes) const {
    const SentencePieceRules& rules = vocabulary_.sentencepiece;
    size_t before = ids.size();
    for (char byte : bytes) {
        int32_t id = rules.bytes.find_byte(static_cast<unsigned char>(byte));
        if (id < 0) {
            ids.resize(before);
            bool fused = rules.fuse_unknown && !ids.empty() && ids.back() == rules.unknown;
            if (rules.unknown && !fused) ids.push_back(*rules.unknown);
            return;
        }
        ids.push_back(id);
    }
}

}  // namespace puna
