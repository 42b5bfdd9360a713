// cli/editor/edit_buffer.h — a text being edited, and the cursor in it.
//
//   EditBuffer buffer;
//   buffer.insert("caf\xc3\xa9");
//   buffer.erase(buffer.left(), buffer.cursor());            // what Backspace does: "caf"
//   buffer.move_to(buffer.line_begin());
//
// The text is valid UTF-8 and may have several lines; the cursor is never inside a grapheme cluster. Knows no keys and
// no screen.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace puna {

class EditBuffer {
 public:
    const std::string& text() const { return text_; }
    size_t cursor() const { return cursor_; }

    void set(std::string text);  // the cursor is at its end
    void insert(std::string_view text);
    std::string erase(size_t from, size_t to);  // returns what was there; the cursor is at `from`
    void move_to(size_t at);
    void swap_clusters();  // the one before the cursor with the one after it

    // Places relative to the cursor.
    size_t left() const;
    size_t right() const;
    size_t word_left() const;   // the beginning of the word before it: letters and digits
    size_t word_right() const;  // the end of the word after it
    size_t blank_left() const;  // the beginning of the text before it that has no spaces
    size_t line_begin() const;
    size_t line_end() const;
    bool is_first_line() const { return line_begin() == 0; }
    bool is_last_line() const { return line_end() == text_.size(); }

 private:
    std::string_view cluster_at(size_t at) const;

    std::string text_;
    size_t cursor_ = 0;
};

}  // namespace puna
