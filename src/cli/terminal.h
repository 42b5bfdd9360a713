// cli/terminal.h — unbuffered output, and lines typed by the user.
//
//   print_now("Once upon");                                 // streamed text
//   LineReader reader(history_file());
//   Line line = reader.read("> ");                          // on a terminal: edited, with history; from a pipe: as
//                                                           // written, without a \r before the newline
//
// On a terminal Ctrl-C at the prompt clears the line; elsewhere it sets interrupted() instead of ending the program.
#pragma once
#include "core/error.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace puna {

// Writes and flushes. Throws Error of the kind `closed` if standard output has no reader any more (`| head`, a closed
// terminal): the program ends quietly; of the kind `output` with the reason if it cannot be written, as on a full disk.
void print_now(std::string_view text);

bool is_terminal();  // both standard input and standard output
bool prints_to_terminal();

// Replaces control characters by U+FFFD: generated text may contain escape sequences. Tabs and newlines stay.
std::string without_controls(std::string_view text);
std::string dimmed(std::string_view text);  // gray, if standard output shows color (core/console.h)

void note_interrupts();  // from now on Ctrl-C sets interrupted()
bool interrupted();      // since the last prompt

std::filesystem::path history_file();  // empty if there is no home folder

struct Line {
    enum Kind { text, interrupted, end };
    Kind kind;
    std::string content;  // without its newline
};

class LineReader {
 public:
    explicit LineReader(std::filesystem::path history);  // readable by its owner only; empty: no history
    ~LineReader();
    LineReader(const LineReader&) = delete;

    Line read(const std::string& prompt);  // the prompt is shown on a terminal only

 private:
    struct Editor;
    std::unique_ptr<Editor> editor_;  // null without a terminal
};

// Collects lines into one message. A backslash at the end of a line continues it on the next; a line that begins with
// """ opens a verbatim block, up to a line that ends with """. A pasted text is one line that contains newlines,
// whatever else it contains.
class MessageLines {
 public:
    bool add(std::string_view line);  // true: the message is complete
    bool empty() const { return !open_; }
    bool is_plain() const { return plain_; }  // a single typed line: it may be a command
    std::string take();                       // returns the message, finished or not, and resets

 private:
    std::string text_;
    bool open_ = false, block_ = false, plain_ = false;
};

}  // namespace puna
