// data/line_filter.h — removes the lines of a text that are not valid UTF-8, as it is read part by part.
//
//   LineFilter filter;
//   text += next_part;
//   for (const BadLine& bad : filter.remove_invalid(text, 0, at_end)) log_warning("line {}", bad.line);
//
// One bad byte costs a line, not the book, of which the beginning may be packed already. Of a line that is longer than
// what is in memory, what is there and all that follows is removed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct BadLine {
    int64_t line;        // from 1
    size_t offset;       // of the first invalid byte, in the whole text as it was before
    unsigned char byte;  // this one
};

class LineFilter {
 public:
    // Checks what was appended to the text since the last call, except for an incomplete character at its end. begin:
    // what precedes it was taken and stays as it is.
    std::vector<BadLine> remove_invalid(std::string& text, size_t begin, bool at_end);

    void discard(size_t bytes);                  // were erased at the beginning of the text
    size_t checked() const { return checked_; }  // bytes at the beginning of the text

 private:
    void keep(std::string_view part);
    void drop_line(std::string& text, size_t begin);

    size_t checked_ = 0, read_ = 0, kept_ = 0;     // read_, kept_: bytes of the whole text, before and after
    size_t line_begin_ = 0;                        // of the line at the end of what was kept, in kept_ bytes
    int64_t lines_ = 0;                            // that ended
    bool in_bad_line_ = false, cut_line_ = false;  // cut_line_: the beginning of this line was taken
};

}  // namespace puna
