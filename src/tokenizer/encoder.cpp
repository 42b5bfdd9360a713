#include "tokenizer/encoder.h"

#include "tokenizer/split.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace puna {

namespace {

constexpr size_t min_cached_text = 1 << 14;  // bytes: for shorter texts the cache costs more than it saves
constexpr size_t part_bytes = 1 << 20;
constexpr size_t max_sets = 1 << 16;  // 4 MiB

}  // namespace

Encoder::Encoder(const Tokenizer& tokenizer, size_t expected_bytes)
    : tokenizer_(tokenizer), merger_(tokenizer.vocabulary()) {
    if (expected_bytes < min_cached_text) return;
    sets_.resize(std::min(max_sets, std::bit_floor(expected_bytes / 32)));
    shift_ = std::countl_zero(sets_.size()) + 1;
}

std::vector<int32_t> Encoder::encode(std::string_view text) {
    return tokenizer_.added_tokens().finds_text() ? encode_spans(text, {}) : encode_between(text);
}

std::vector<int32_t> Encoder::encode_with_control(std::string_view text) {
    return encode_spans(text, [](std::string_view) { return true; });
}

void Encoder::encode_spans(std::string_view text, const MayBeControl& may_be_control, const OnSpan& on_span) {
    tokenizer_.added_tokens().for_each_span(tokenizer_.vocabulary(), text, may_be_control,
                                            [&](std::string_view bytes, std::optional<int32_t> id) {
                                                id ? on_span({&*id, 1}, bytes) : on_span(encode_between(bytes), bytes);
                                            });
}

std::vector<int32_t> Encoder::encode_spans(std::string_view text, const MayBeControl& may_be_control) {
    std::vector<int32_t> ids;
    encode_spans(text, may_be_control, [&ids](std::span<const int32_t> more, std::string_view) {
        ids.insert(ids.end(), more.begin(), more.end());
    });
    return ids;
}

// Splitting and cache lookup alternate, a batch each, so that mispredicted branches of the splitter do not wait for
// cache misses of the lookup.
std::vector<int32_t> Encoder::encode_between(std::string_view text) {
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

void Encoder::encode_parts(std::string_view text, const std::function<void(std::span<const int32_t>, size_t)>& on_ids) {
    auto encode_between_in_parts = [&](std::string_view between) {
        for (size_t at = 0, end; at < between.size(); at = end) {
            end = safe_cut(between, std::min(at + part_bytes, between.size()));
            on_ids(encode_between(between.substr(at, end - at)), end - at);
        }
    };
    if (!tokenizer_.added_tokens().finds_text()) return encode_between_in_parts(text);
    tokenizer_.added_tokens().for_each_span(tokenizer_.vocabulary(), text, {},
                                            [&](std::string_view bytes, std::optional<int32_t> id) {
                                                if (!id) return encode_between_in_parts(bytes);
                                                on_ids({&*id, 1}, bytes.size());
                                            });
}

// Fills pieces_ from `at` on, advances `at` and returns the number of pieces.
size_t Encoder::split(std::string_view text, size_t& at) {
    size_t n = 0;
    for (; n < batch && at < text.size(); ++n) {
        size_t size = piece_end(text, at) - at;
        Piece& piece = pieces_[n];
        piece.text = text.substr(at, size);
        piece.set = nullptr;
        if (size <= max_word_bytes && !sets_.empty()) [[likely]] {
            piece.word = read_word(text, at, size);
            uint64_t hash = (piece.word.low ^ std::rotl(piece.word.high, 23) * 0xd1342543de82ef95) * 0x9e3779b97f4a7c15;
            piece.set = &sets_[hash >> shift_];
            __builtin_prefetch(piece.set);
        }
        at += size;
    }
    return n;
}

Encoder::Word Encoder::read_word(std::string_view text, size_t at, size_t size) {
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

inline const Encoder::Entry& Encoder::find(const Piece& piece) {
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
