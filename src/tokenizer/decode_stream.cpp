#include "tokenizer/decode_stream.h"

#include "core/utf8.h"

#include <utility>

namespace puna {

namespace {

std::string to_valid_utf8(std::string_view bytes) {
    std::string text;
    for (size_t at = 0; at < bytes.size();) {
        Character c = read_character(bytes, at);
        append_utf8(text, c.code == not_unicode ? 0xfffd : c.code);
        at += c.size;
    }
    return text;
}

}  // namespace

std::string DecodeStream::next(int32_t id) {
    std::string_view bytes = tokenizer_->bytes(id);
    if (begins_) bytes = tokenizer_->without_prefix(bytes);
    begins_ = begins_ && bytes.empty() && tokenizer_->vocabulary().sentencepiece.remove_extra_spaces;
    pending_ += bytes;
    size_t tail = incomplete_tail(pending_);
    std::string text = to_valid_utf8(std::string_view(pending_).substr(0, pending_.size() - tail));
    pending_.erase(0, pending_.size() - tail);
    return text;
}

std::string DecodeStream::flush() { return to_valid_utf8(std::exchange(pending_, {})); }

}  // namespace puna
