#include "cli/editor/word_wrap.h"

#include "cli/editor/layout.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace puna {

namespace {

constexpr std::string_view fence = "```";
constexpr size_t indentation = 4, kept_of_line = 16;

bool begins_fence(std::string_view line) {
    size_t text = line.find_first_not_of(' ');
    return text != line.npos && line.substr(text).starts_with(fence);
}

bool begins_code(std::string_view line) {
    return line.starts_with('\t') || line.substr(0, indentation) == std::string_view("    ");
}

}  // namespace

std::string WordWrap::add(std::string_view text, int columns) {
    follow_width(std::max(columns, min_columns));
    for (size_t at = 0, end = 0; at < text.size(); at = end) {
        end = cluster_end(text, at);
        std::string_view cluster = text.substr(at, end - at);
        if (cluster == "\n") {
            add_newline();
            continue;
        }
        if (line_begin_.size() < kept_of_line) line_begin_ += cluster;
        if (is_code())
            out_ += cluster;
        else if (cluster == " " || cluster == "\t")
            add_blank(cluster);
        else
            add_to_word(cluster, text.substr(at));
    }
    return std::exchange(out_, {});
}

// What is known of the word is not written where it has no room.
void WordWrap::begin_word(std::string_view rest) {
    int width = 0;
    for (size_t at = 0, end = 0; at < rest.size(); at = end) {
        end = cluster_end(rest, at);
        std::string_view cluster = rest.substr(at, end - at);
        if (cluster == " " || cluster == "\t" || cluster == "\n") break;
        width += widths_.of(cluster);
        if (widths_.of(cluster) > 1) break;  // the line may end there
    }
    if (word_column_ == 0 || word_column_ + width <= columns_) return;
    out_ += '\n';
    column_ = word_column_ = 0;
}

bool WordWrap::is_code() const { return (fenced_ && !begins_fence(line_begin_)) || begins_code(line_begin_); }

// The terminal has wrapped the line at its new width.
void WordWrap::follow_width(int columns) {
    if (column_ > columns) {
        column_ %= columns;
        word_column_ = column_;
        word_.clear();
    }
    columns_ = columns;
}

void WordWrap::add_newline() {
    if (begins_fence(line_begin_)) fenced_ = !fenced_;
    out_ += '\n';
    column_ = word_column_ = 0;
    word_.clear();
    line_begin_.clear();
}

// A blank after the last column is not written: the next word begins a line.
void WordWrap::add_blank(std::string_view cluster) {
    int width = cluster == "\t" ? 8 - column_ % 8 : 1;
    if (column_ < columns_) out_ += cluster;
    column_ = std::min(column_ + width, columns_);
    word_column_ = column_;
    word_.clear();
}

// Whether a line may end between the word and the cluster.
bool WordWrap::may_break_before(std::string_view cluster) const {
    std::string joined = word_ + std::string(cluster);
    bool is_separate = !word_.empty() && cluster_begin(joined, joined.size()) == word_.size();
    if (!is_separate || is_closing(cluster)) return false;
    std::string_view last = std::string_view(word_).substr(cluster_begin(word_, word_.size()));
    return widths_.of(cluster) > 1 || widths_.of(last) > 1;
}

void WordWrap::add_to_word(std::string_view cluster, std::string_view rest) {
    if (may_break_before(cluster)) {
        word_.clear();
        word_column_ = column_;
    }
    if (word_.empty()) begin_word(rest);
    std::string word = word_ + std::string(cluster);
    int width = widths_.of_text(word);
    if (word_column_ + width > columns_) {
        if (word_column_ == 0) {
            out_ += '\n';
            word = cluster;
        } else {
            out_ += fmt::format("\r\x1b[{}C\x1b[K\n{}", word_column_, word_);
        }
        word_column_ = 0;
        width = widths_.of_text(word);
    }
    out_ += cluster;
    column_ = word_column_ + width;
    word_ = std::move(word);
}

}  // namespace puna
