// cli/editor/keys.h — keys from the bytes that a terminal sends.
//
//   KeyDecoder decoder;
//   decoder.feed("a\x1b[D");
//   while (std::optional<Key> key = decoder.next()) handle(*key);       // text "a", left
//
// The bytes are untrusted: invalid UTF-8 becomes U+FFFD, unknown sequences are skipped. A sequence may arrive in parts.
// Escape alone has no meaning: it waits for the next byte, and is dropped before one that it does not change.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

struct Key {
    enum Name {
        text,   // characters typed or sent at once
        paste,  // text between the marks of a bracketed paste; lines end with \n
        enter,
        new_line,  // Alt-Enter
        tab,
        left,
        right,
        up,
        down,
        home,
        end,
        word_left,
        word_right,
        backspace,
        erase,
        erase_word_left,   // letters and digits
        erase_word_right,  //
        erase_blank_left,  // back to a space
        erase_to_begin,
        erase_to_end,
        yank,
        swap,
        older,  // of the history
        newer,
        search,
        cancel,     // Ctrl-G
        interrupt,  // Ctrl-C
        end_of_input,
        suspend,
        clear_screen,
        cursor_report,
    };
    Name name = text;
    std::string content = {};  // of text and paste
    int column = 0;            // of a cursor report, from 1
};

class KeyDecoder {
 public:
    void feed(std::string_view bytes) { bytes_ += bytes; }
    std::optional<Key> next();  // none: more bytes are needed

 private:
    // Remove bytes from the beginning, with or without making a key of them.
    std::optional<Key> take();
    std::optional<Key> take_paste();
    std::optional<Key> take_escape();
    std::optional<Key> take_sequence();
    std::optional<Key> take_text();
    Key use(size_t bytes, Key key);

    std::string bytes_;
    size_t searched_ = 0;  // bytes of a paste in which its end is not
    bool pasting_ = false;
};

}  // namespace puna
