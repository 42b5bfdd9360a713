#include "tokenizer/byte_bpe.h"

#include "core/error.h"
#include "core/hash.h"
#include "tokenizer/merge.h"
#include "tokenizer/split.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

namespace puna {

namespace {

constexpr size_t min_cached_text = 1 << 14;  // bytes: for shorter texts the cache costs more than it saves
constexpr size_t max_sets = 1 << 16;         // 4 MiB

class ByteBpeEncoder : public SubwordEncoder {
 public:
    ByteBpeEncoder(const Vocabulary& vocabulary, size_t expected_bytes);

    std::vector<int32_t> encode(std::string_view text, bool begins_text) override;

 private:
    static constexpr size_t max_word_bytes = 15;
    static constexpr uint32_t max_ids = 3;
    static constexpr size_t batch = 128;  // pieces

    struct Word {  // up to 15 bytes of text, zero-padded, then the length
        uint64_t low, high;
        bool operator==(const Word&) const = default;
    };
    struct Entry {  // half a cache line
        Word word{};
        std::array<int32_t, max_ids> ids{};
        uint32_t count = 0;  // of ids; more than max_ids: not cached
    };
    struct alignas(64) Set {  // two-way set in one cache line, most recently inserted first
        Entry first, second;
    };
    struct Piece {
        Word word;
        std::string_view text;
        Set* set;  // the word's set; null for pieces that are not cached
    };

    static Word read_word(std::string_view text, size_t at, size_t size);
    size_t split(std::string_view text, size_t& at);
    const Entry& find(const Piece& piece);

    Merger merger_;
    std::vector<Set> sets_;  // empty, or a power of two
    int shift_ = 64;
    std::array<Piece, batch> pieces_;
    std::vector<int32_t> scratch_;
};

ByteBpeEncoder::ByteBpeEncoder(const Vocabulary& vocabulary, size_t expected_bytes) : merger_(vocabulary) {
    if (expected_bytes < min_cached_text) return;
    sets_.resize(std::min(max_sets, std::bit_floor(expected_bytes / 32)));
    shift_ = std::countl_zero(sets_.size()) + 1;
}

// Splitting and cache lookup alternate, a batch each, so that mispredicted branches of the splitter do not wait for
// cache misses of the lookup.
std::vector<int32_t> ByteBpeEncoder::encode(std::string_view text, bool) {
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
size_t ByteBpeEncoder::split(std::string_view text, size_t& at) {
    size_t n = 0;
    for (; n < batch && at < text.size(); ++n) {
        size_t size = piece_end(text, at) - at;
        Piece& piece = pieces_[n];
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

ByteBpeEncoder::Word ByteBpeEncoder::read_word(std::string_view text, size_t at, size_t size) {
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

inline const ByteBpeEncoder::Entry& ByteBpeEncoder::find(const Piece& piece) {
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

}  // namespace

void check_byte_bpe(const Vocabulary& vocabulary, std::string_view source) {
    for (int byte = 0; byte < 256; ++byte) {
        if (vocabulary.tokens.find_byte(static_cast<unsigned char>(byte)) < 0)
            fail(ErrorKind::unsupported, "{}: no token for the byte 0x{:02x}: only byte-level tokenizers are supported",
                 source, byte);
    }
}

std::unique_ptr<SubwordEncoder> make_byte_bpe_encoder(const Vocabulary& vocabulary, size_t expected_bytes) {
    return std::make_unique<ByteBpeEncoder>(vocabulary, expected_bytes);
}

}  // namespace puna
