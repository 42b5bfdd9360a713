// cli/editor/test_screen.h — what a terminal shows after the bytes that were written to it, for tests.
//
//   TestScreen screen(20, 10);                       // columns, rows
//   screen.write("> typed\x1b[2D");
//   EXPECT_EQ(screen.text(), "> typed");
//   EXPECT_EQ(screen.column(), 5);
//   editor_keys.feed(screen.take_replies());         // where it was asked for its cursor
//
// Knows the sequences that src/cli writes, and no others: it aborts. Lines above the screen are kept.
#pragma once
#include "cli/editor/layout.h"
#include "core/error.h"
#include "core/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna {

class TestScreen {
 public:
    enum class Kind { joins_clusters, joins_marks };  // the latter: of a sequence every emoji is shown

    TestScreen(int columns, int rows, Kind kind = Kind::joins_clusters)
        : columns_(static_cast<size_t>(columns)), rows_(static_cast<size_t>(rows)), kind_(kind) {}

    void write(std::string_view bytes) {
        for (size_t at = 0; at < bytes.size();) {
            if (bytes[at] == '\x1b') {
                size_t end = bytes.find_first_of("ABCDGHJKhlmn", at + 2);
                check(bytes[at + 1] == '[' && end != bytes.npos, "an unknown sequence");
                apply(bytes[end], bytes.substr(at + 2, end - at - 2));
                at = end + 1;
                continue;
            }
            Character c = read_character(bytes, at);
            put(c.code, bytes.substr(at, c.size));
            at += c.size;
        }
    }

    // Lines without blanks at their ends, separated by newlines, those above the screen included.
    std::string text() const {
        std::string all;
        for (size_t i = 0; i < lines_.size(); ++i) all += line(i) + "\n";
        all.resize(all.find_last_not_of('\n') + 1);
        return all;
    }
    std::string line(size_t row) const {
        std::string all;
        for (const std::string& cell : lines_[row]) all += cell;
        return trimmed(all);
    }
    // What is shown otherwise than in the layout; empty: nothing.
    std::string difference(const Layout& layout, int rows) const {
        if (column() != layout.cursor_column) return fmt::format("cursor at {} of {}", column(), layout.cursor_column);
        for (size_t i = 0; i < layout.rows.size(); ++i) {
            size_t at = row_ + i - layout.cursor_row;  // wraps around above the first line
            if (layout.rows.size() > static_cast<size_t>(rows) && i != layout.cursor_row) continue;
            std::string shown = at < lines_.size() ? line(at) : "";
            if (shown != trimmed(layout.rows[i].text)) return fmt::format("'{}' for '{}'", shown, layout.rows[i].text);
        }
        return "";
    }
    size_t row() const { return row_; }  // of the cursor, from the first line
    int column() const { return static_cast<int>(std::min(column_, columns_ - 1)); }
    std::string take_replies() { return std::exchange(replies_, {}); }

    // As terminals that wrap lines again at their new width.
    void resize(int columns, int rows) {
        std::vector<std::vector<std::string>> wrapped;
        size_t width = static_cast<size_t>(columns), cursor_row = 0, cursor_column = 0;
        for (size_t i = 0; i < lines_.size(); ++i) {
            std::vector<std::string>& line = lines_[i];
            while (!line.empty() && line.back() == " " && (i != row_ || line.size() > column_)) line.pop_back();
            if (i == row_) cursor_row = wrapped.size() + column_ / width, cursor_column = column_ % width;
            size_t count = std::max<size_t>((line.size() + width - 1) / width, i == row_ ? column_ / width + 1 : 1);
            for (size_t part = 0; part < count; ++part) {
                auto begin = line.begin() + static_cast<ptrdiff_t>(std::min(part * width, line.size()));
                auto end = line.begin() + static_cast<ptrdiff_t>(std::min((part + 1) * width, line.size()));
                wrapped.emplace_back(begin, end);
            }
        }
        lines_ = std::move(wrapped);
        columns_ = width, rows_ = static_cast<size_t>(rows);
        row_ = cursor_row, column_ = cursor_column;
    }

 private:
    // A joiner that has nothing to join is lost on this screen.
    static std::string trimmed(std::string line) {
        while (line.starts_with("\u200d")) line.erase(0, 3);
        line.resize(line.find_last_not_of(' ') + 1);
        return line;
    }
    size_t top() const { return lines_.size() - std::min(lines_.size(), rows_); }

    void apply(char command, std::string_view parameters) {
        size_t count = parameters.empty() || parameters[0] == '?' ? 1 : std::stoul(std::string(parameters));
        column_ = std::min(column_, command == 'm' || command == 'h' || command == 'l' ? column_ : columns_ - 1);
        std::vector<std::string>& line = lines_[row_];
        switch (command) {
            case 'A':
                row_ = std::max(row_ - std::min(row_, count), top());
                break;
            case 'B':
                row_ = std::min(row_ + count, lines_.size() - 1);
                break;
            case 'C':
                column_ = std::min(column_ + count, columns_ - 1);
                break;
            case 'D':
                column_ -= std::min(column_, count);
                break;
            case 'H':
                row_ = top(), column_ = 0;
                break;
            case 'J':
                if (count == 2)
                    for (size_t i = top(); i < lines_.size(); ++i) lines_[i].clear();
                lines_.resize(row_ + 1);
                [[fallthrough]];
            case 'K':
                lines_[row_].resize(std::min(lines_[row_].size(), column_));
                break;
            case 'n':
                replies_ += fmt::format("\x1b[{};{}R", row_ - top() + 1, column_ + 1);
                break;
            case 'm':
            case 'h':
            case 'l':
                break;
            default:
                check(false, "an unknown sequence: {} after {} cells", command, line.size());
        }
    }

    void put(uint32_t code, std::string_view character) {
        if (code == '\r') {
            column_ = 0;
        } else if (code == '\n') {
            column_ = 0;  // as a terminal in its usual mode
            if (++row_ == lines_.size()) lines_.emplace_back();
        } else if (!join(code, character)) {
            size_t width = static_cast<size_t>(utf8proc_charwidth(static_cast<utf8proc_int32_t>(code)));
            if (column_ + width > columns_) put('\n', "");
            place(character, width);
        }
    }

    // Adds the character to the cell before the cursor, if they are one cluster to this terminal.
    bool join(uint32_t code, std::string_view character) {
        std::vector<std::string>& line = lines_[row_];
        size_t at = std::min(column_, line.size());
        while (at > 0 && line[at - 1].empty()) --at;
        if (at == 0) return utf8proc_charwidth(static_cast<utf8proc_int32_t>(code)) == 0;
        std::string joined = line[at - 1] + std::string(character);
        bool is_mark = utf8proc_charwidth(static_cast<utf8proc_int32_t>(code)) == 0;
        if (kind_ == Kind::joins_marks && !is_mark) return false;
        if (kind_ == Kind::joins_clusters && cluster_end(joined, 0) != joined.size()) return is_mark;
        line[at - 1] = joined;
        size_t width = static_cast<size_t>(ClusterWidths().of(joined)), end = column_;
        bool grows = kind_ == Kind::joins_clusters && at - 1 + width > end && end < columns_;
        if (grows) place("", 1);
        return true;
    }

    void place(std::string_view character, size_t width) {
        std::vector<std::string>& line = lines_[row_];
        if (line.size() < column_ + width) line.resize(column_ + width, " ");
        for (size_t i = 0; i < width; ++i) line[column_ + i] = i == 0 ? std::string(character) : "";
        column_ += width;
    }

    size_t columns_, rows_;
    Kind kind_;
    std::vector<std::vector<std::string>> lines_{1};
    size_t row_ = 0, column_ = 0;
    std::string replies_;
};

}  // namespace puna
