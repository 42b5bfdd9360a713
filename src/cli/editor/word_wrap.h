// cli/editor/word_wrap.h — breaks streamed text between words, at the width of the terminal.
//
//   ClusterWidths widths;
//   WordWrap wrap(widths);
//   write(wrap.add("Once upon a ti", 80));                 // whatever arrives is shown at once;
//   write(wrap.add("me", 80));                             // a word that outgrows its line moves to the next one
//
// Returns what to write; with escape sequences only where a word moves that came in parts. The first text begins at the
// beginning of a line. A word longer than a line is broken; wide characters may be separated, but do not leave closing
// punctuation behind. Lines of code are left to the terminal: those between ``` and those that begin with a tab or four
// spaces.
#pragma once
#include "cli/editor/clusters.h"

#include <string>
#include <string_view>

namespace puna {

class WordWrap {
 public:
    explicit WordWrap(const ClusterWidths& widths) : widths_(widths) {}

    // text: complete characters of UTF-8, of control characters only \n and \t. columns: may change between calls.
    std::string add(std::string_view text, int columns);

 private:
    void add_newline();
    void add_blank(std::string_view cluster);
    void add_to_word(std::string_view cluster, std::string_view rest);  // rest: from the cluster on
    void begin_word(std::string_view rest);
    bool is_code() const;
    bool may_break_before(std::string_view cluster) const;
    void follow_width(int columns);

    const ClusterWidths& widths_;
    int columns_ = 0;
    int column_ = 0;          // of the cursor; columns_: after the last one
    int word_column_ = 0;     // where the word begins
    std::string word_;        // what was written of it
    std::string line_begin_;  // the first bytes of the line
    bool fenced_ = false;     // between ```
    std::string out_;
};

}  // namespace puna
