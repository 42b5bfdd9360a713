#include "tokenizer/decode_stream.h"

#include "tokenizer/unicode.h"

#include <utility>

namespace puna {

namespace {

std::string make_utf8(std::string_view bytes) {
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
    held_ += tokenizer_->bytes(id);
    size_t tail = incomplete_tail(held_);
    std::string text = make_utf8(std::string_view(held_).substr(0, held_.size() - tail));
    held_.erase(0, held_.size() - tail);
    return text;
}

std::string DecodeStream::flush() { return make_utf8(std::exchange(held_, {})); }

}  // namespace puna
