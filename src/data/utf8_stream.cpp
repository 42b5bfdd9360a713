#include "data/utf8_stream.h"

#include "core/log.h"
#include "core/utf8.h"
#include "data/text_kind.h"

#include <algorithm>
#include <span>
#include <utility>

namespace puna {

Utf8Stream::Utf8Stream(const std::filesystem::path& path, const std::string& encoding, const std::string& name,
                       CheckStop check_stop)
    : name_(name.empty() ? path.string() : name),
      bytes_(path, name_, std::move(check_stop)),
      encoding_(is_utf8(encoding) ? "" : encoding) {}

bool Utf8Stream::read(std::string& text, size_t bytes) {
    if (!begun_) begin();
    size_t wanted = text.size() + bytes;
    if (!decoder_) read_bytes(text, bytes);
    while (decoder_ && text.size() < wanted) {
        std::string raw;
        read_bytes(raw, bytes);
        watch_for_utf8(raw);
        decoder_->decode(raw, text);
        if (at_end_) decoder_->finish(text);
        if (at_end_) break;
    }
    return !at_end_;
}

// Finds the encoding.
void Utf8Stream::begin() {
    begun_ = true;
    std::string bytes;
    read_bytes(bytes, inspected_bytes);
    ByteOrderMark mark = find_byte_order_mark(bytes);
    mark_size_ = mark.bytes.size();
    if (mark_size_ > 0) encoding_ = is_utf8(mark.encoding) ? "" : mark.encoding;
    if (!encoding_.empty()) decoder_.emplace(encoding_);
    bool has_zero = bytes.find('\0') != bytes.npos;
    if (decoder_ && decoder_->unit() == 1 && has_zero) reject_known_formats(bytes, name_);
    beginning_ = bytes.substr(mark_size_);
}

// Appends `wanted` bytes of the file; fewer at its end.
void Utf8Stream::read_bytes(std::string& bytes, size_t wanted) {
    size_t goal = bytes.size() + wanted;
    bytes += std::exchange(beginning_, {});
    size_t size = bytes.size();
    bytes.resize(std::max(size, goal));
    while (size < goal && !at_end_) {  // a decompressor may return less than requested
        size_t n = bytes_.read(std::span(bytes).subspan(size));
        size += n;
        at_end_ = n == 0;
    }
    bytes.resize(size);
}

void Utf8Stream::watch_for_utf8(std::string_view bytes) {
    if (!all_utf8_) return;
    std::string text = utf8_tail_ + std::string(bytes);
    utf8_tail_ = text.substr(text.size() - incomplete_tail(text));
    text.resize(text.size() - utf8_tail_.size());
    all_utf8_ = find_utf8_errors(text).count == 0;
    beyond_ascii_ = beyond_ascii_ || std::any_of(text.begin(), text.end(), [](char c) { return c < 0; });
}

bool Utf8Stream::looks_like_utf8() const {
    return decoder_ && mark_size_ == 0 && all_utf8_ && beyond_ascii_ && utf8_tail_.empty();
}

}  // namespace puna
