#include "data/chunker.h"

#include "data/text_kind.h"

#include <array>

namespace puna {

namespace {

constexpr int64_t window = 64;     // bytes that a gear hash of 64 bits depends on
constexpr int point_bits = 9;      // one position in 512 is selected
constexpr int64_t patience = 512;  // bytes until a chunk may end at the next weaker break

// SplitMix64: Steele et al., Fast splittable pseudorandom number generators, 2014.
constexpr std::array<uint64_t, 256> gear_values = [] {
    std::array<uint64_t, 256> values{};
    uint64_t state = 0;
    for (uint64_t& value : values) {
        state += 0x9e3779b97f4a7c15;
        value = (state ^ state >> 30) * 0xbf58476d1ce4e5b9;
        value = (value ^ value >> 27) * 0x94d049bb133111eb;
        value ^= value >> 31;
    }
    return values;
}();

constexpr bool continues_character(unsigned char byte) { return byte >> 6 == 2; }  // UTF-8

// recent: the bytes before white space.
bool ends_sentence(uint32_t recent) {
    auto last = static_cast<unsigned char>(recent);
    if (last == '"' || last == '\'' || last == ')') last = static_cast<unsigned char>(recent >> 8);
    return last == '.' || last == '!' || last == '?';
}

// Chinese and Japanese have no white space after their full stop, exclamation mark and question mark.
bool ends_wide_sentence(uint32_t recent) {
    uint32_t mark = recent & 0xffffff;
    return mark == 0xe38082 || mark == 0xefbc81 || mark == 0xefbc9f;
}

bool begins_ideograph(unsigned char byte) {
    return byte >= 0xe4 && byte <= 0xe9;
}  // U+4000 to U+9FFF: no quotation mark

}  // namespace

void Chunker::add(std::string_view text, std::vector<Chunk>& chunks) {
    for (size_t at = 0; at < text.size();) at = since_point_ < 0 ? find_point(text, at) : find_end(text, at, chunks);
    bytes_ += static_cast<int64_t>(text.size());
}

void Chunker::finish(std::vector<Chunk>& chunks) { end_chunk(bytes_, chunks); }

void Chunker::end_chunk(int64_t end, std::vector<Chunk>& chunks) {
    chunks.push_back({end, content_.hash});
    dense_ += content_.size;
    content_ = {};
    since_point_ = -1;
    white_space_.reset();
}

inline void Chunker::Content::add(unsigned char byte) {
    gear = 2 * gear + gear_values[byte];
    hash = (hash ^ byte) * 0x100000001b3;  // FNV-1a
    recent = recent << 8 | byte;
    ++size;
}

// Returns the position after the next selected point, or the end of the text.
size_t Chunker::find_point(std::string_view text, size_t at) {
    Content content = content_;  // in registers: most of the time is spent here
    bool found = false;
    for (; at < text.size() && !found; ++at) {
        auto byte = static_cast<unsigned char>(text[at]);
        if (is_white_space(text[at])) continue;
        content.add(byte);
        found = content.gear >> (64 - point_bits) == 0 && content.size >= window;
    }
    content_ = content;
    if (found) since_point_ = 0;
    return at;
}

// Returns the position after the end of the chunk and white space, or the end of the text.
size_t Chunker::find_end(std::string_view text, size_t at, std::vector<Chunk>& chunks) {
    for (; at < text.size(); ++at) {
        auto byte = static_cast<unsigned char>(text[at]);
        int64_t offset = bytes_ + static_cast<int64_t>(at);
        if (is_white_space(text[at])) {
            add_space(byte, offset);
            continue;
        }
        bool inside_word = !white_space_ && since_point_ < (paragraph - sentence) * patience;
        std::optional<int64_t> end = inside_word ? std::nullopt : end_before(byte, offset);
        if (end) {
            end_chunk(*end, chunks);
            return at;
        }
        content_.add(byte);
        ++since_point_;
        white_space_.reset();
    }
    return at;
}

void Chunker::add_space(unsigned char byte, int64_t offset) {
    if (!white_space_) white_space_ = {offset, offset, 0};
    if (byte != '\n') return;
    white_space_->line = offset + 1;
    ++white_space_->newlines;
}

Chunker::Break Chunker::break_before(unsigned char byte) const {
    if (white_space_ && white_space_->newlines > 0) return white_space_->newlines > 1 ? paragraph : line;
    if (white_space_) return ends_sentence(content_.recent) ? sentence : space;
    return ends_wide_sentence(content_.recent) && begins_ideograph(byte) ? sentence : in_word;
}

// The end of the chunk, if it can end before this byte, which is not white space.
std::optional<int64_t> Chunker::end_before(unsigned char byte, int64_t offset) const {
    if (!white_space_ && continues_character(byte)) return {};
    Break found = break_before(byte);
    if (found + since_point_ / patience < paragraph) return {};
    if (!white_space_) return offset;
    return found >= line ? white_space_->line : white_space_->begin;
}

}  // namespace puna
