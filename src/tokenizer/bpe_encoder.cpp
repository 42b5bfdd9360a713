#include "tokenizer/bpe_encoder.h"

#include "core/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

namespace puna {

namespace {

constexpr size_t min_cached_text = 1 << 14;  // bytes: for shorter texts the cache costs more than it saves
constexpr size_t max_sets = 1 << 16;         // 4 MiB

}  // namespace

BpeEncoder::BpeEncoder(const Vocabulary& vocabulary, SplitPieces split, size_t expected_bytes)
    : merger_(vocabulary), split_(split) {
    if (expected_bytes < min_cached_text) return;
    sets_.resize(std::min(max_sets, std::bit_floor(expected_bytes / 32)));
    shift_ = std::countl_zero(sets_.size()) + 1;
}

// Splitting and cache lookup alternate, a batch each, so that mispredicted branches of the splitter do not wait for
// cache misses of the lookup.
std::vector<int32_t> BpeEncoder::encode(std::string_view text) {
    std::vector<int32_t> ids;
    ids.reserve(text.size() / 4 + 4);
    std::array<int32_t, max_ids*(batch + 1)> waiting;  // not a vector: avoids a capacity check per id
    for (size_t at = 0; at < text.size();) {
        size_t pieces = split(text, at), n = 0;
        auto flush = [&] {
            ids.insert(ids.end(), waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(n));
            n = 0;
        };
        for (const Piece& piece : std::span(pieces_).first(pieces)) {
            const Entry* entry = piece.set ? &find(piece) : nullptr;
            if (entry && entry->count <= max_ids) [[likely]] {
                std::memcpy(&waiting[n], entry->ids.data(), sizeof(entry->ids));
                n += entry->count;
            } else {
                flush();
                merger_.append(ids, piece.text);
            }
        }
        flush();
    }
    return ids;
}

// Fills pieces_ from `at` on, advances `at` and returns the number of pieces.
size_t BpeEncoder::split(std::string_view text, size_t& at) {
    size_t n = split_(text, at, ends_);
    for (size_t i = 0; i < n; ++i) {
        size_t size = ends_[i] - at;
        Piece& piece = pieces_[i];
        piece.text = text.substr(at, size);
        piece.set = nullptr;
        if (size <= max_word_bytes && !sets_.empty()) [[likely]] {
            piece.word = read_word(text, at, size);
            piece.set = &sets_[mix_bits(piece.word.low ^ std::rotl(piece.word.high, 23)) >> shift_];
            __builtin_prefetch(piece.set);
        }
        at += size;
    }
    return n;
}

BpeEncoder::Word BpeEncoder::read_word(std::string_view text, size_t at, size_t size) {
    Word word{};
    if (text.size() - at >= sizeof(word)) [[likely]] {
        std::memcpy(&word, text.data() + at, sizeof(word));
        uint64_t low = size < 8 ? (uint64_t{1} << 8 * size) - 1 : ~uint64_t{0};
        uint64_t high = size > 8 ? (uint64_t{1} << 8 * (size - 8)) - 1 : 0;
        word = {word.low & low, word.high & high};
    } else {
        std::memcpy(&word, text.data() + at, size);
    }
    word.high |= static_cast<uint64_t>(size) << 56;
    return word;
}

inline const BpeEncoder::Entry& BpeEncoder::find(const Piece& piece) {
    auto& [first, second] = *piece.set;
    if (first.word == piece.word) [[likely]]
        return first;
    std::swap(first, second);
    if (first.word == piece.word) return first;
    scratch_.clear();
    merger_.append(scratch_, piece.text);
    first.word = piece.word;
    first.count = static_cast<uint32_t>(scratch_.size());
    std::copy_n(scratch_.begin(), std::min<size_t>(first.count, max_ids), first.ids.begin());
    return first;
}

}  // namespace puna
