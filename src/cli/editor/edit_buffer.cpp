#include "cli/editor/edit_buffer.h"

#include "cli/editor/clusters.h"

#include <algorithm>

namespace puna {

void EditBuffer::set(std::string text) {
    text_ = std::move(text);
    cursor_ = text_.size();
}

// What is inserted may join the clusters around it: the cursor is after the joined one.
void EditBuffer::insert(std::string_view text) {
    text_.insert(cursor_, text);
    move_to(cursor_ + text.size());
}

std::string EditBuffer::erase(size_t from, size_t to) {
    std::string erased = text_.substr(from, to - from);
    text_.erase(from, to - from);
    move_to(from);
    return erased;
}

void EditBuffer::move_to(size_t at) {
    cursor_ = at;
    if (at > 0 && at < text_.size()) cursor_ = cluster_end(text_, cluster_begin(text_, at));
}

void EditBuffer::swap_clusters() {
    if (cursor_ == text_.size()) move_to(left());
    if (cursor_ == 0 || cursor_ == text_.size()) return;
    std::string before = erase(left(), cursor_);
    move_to(right());
    insert(before);
}

std::string_view EditBuffer::cluster_at(size_t at) const {
    return std::string_view(text_).substr(at, cluster_end(text_, at) - at);
}

size_t EditBuffer::left() const { return cursor_ == 0 ? 0 : cluster_begin(text_, cursor_); }
size_t EditBuffer::right() const { return cursor_ == text_.size() ? cursor_ : cluster_end(text_, cursor_); }

size_t EditBuffer::word_right() const {
    size_t at = cursor_;
    while (at < text_.size() && !is_word_character(cluster_at(at))) at = cluster_end(text_, at);
    while (at < text_.size() && is_word_character(cluster_at(at))) at = cluster_end(text_, at);
    return at;
}

// Forward from the line's beginning, as clusters are found: the beginning of the last word before the cursor.
size_t EditBuffer::word_left() const {
    size_t line = line_begin();
    if (line == cursor_ && line > 0) return line - 1;
    size_t word = line;
    bool in_word = false;
    for (size_t at = line; at < cursor_; at = cluster_end(text_, at)) {
        bool is_word = is_word_character(cluster_at(at));
        if (is_word && !in_word) word = at;
        in_word = is_word;
    }
    return word;
}

size_t EditBuffer::blank_left() const {
    size_t at = cursor_;
    auto is_blank = [&](size_t i) { return text_[i] == ' ' || text_[i] == '\t' || text_[i] == '\n'; };
    while (at > 0 && is_blank(at - 1)) --at;
    while (at > 0 && !is_blank(at - 1)) --at;
    return at;
}

size_t EditBuffer::line_begin() const {
    size_t newline = cursor_ == 0 ? text_.npos : text_.rfind('\n', cursor_ - 1);
    return newline == text_.npos ? 0 : newline + 1;
}

size_t EditBuffer::line_end() const { return std::min(text_.find('\n', cursor_), text_.size()); }

}  // namespace puna
