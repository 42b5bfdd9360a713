// cli/terminal.h — what a command says at once, and lines from whoever talks to it.
//
//   print_now("Once upon");                                 // text that is still being made
//   LineReader reader(history_file());
//   Line line = reader.read("> ");                          // edited and with a history on a terminal; from a pipe as
//   it comes
//                                                           // (a \r before the line end is not part of it)
//
// On a terminal Ctrl-C at the prompt gives up the line, and elsewhere is noted (interrupted) instead of ending the
// program.
#pragma once
#include "core/error.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace puna {

// Nobody reads standard output any more, as when `head` has seen enough or a terminal was closed: the program ends
// quietly. Thrown by print_now.
struct ClosedPipe {};

// Standard output takes no more, as on a full disk: whatever else the program could say would be lost as well.
struct OutputFailed : Error {
    using Error::Error;
};

// Writes and flushes. Throws ClosedPipe, or OutputFailed with the reason.
void print_now(std::string_view text);

bool is_terminal();  // both ends: standard input and standard output
bool prints_to_terminal();

// Without what could steer a terminal: a model says anything. Tabs and line ends stay.
std::string without_controls(std::string_view text);
std::string dimmed(std::string_view text);  // in grey, where standard output shows color (core/console.h)

void note_interrupts();  // from now on Ctrl-C is noted
bool interrupted();      // since the last prompt

std::filesystem::path history_file();  // empty where there is no home

struct Line {
    enum Kind { text, interrupted, end };
    Kind kind;
    std::string content;  // without its line end
};

class LineReader {
 public:
    explicit LineReader(std::filesystem::path history);  // private to its owner; empty: none is kept
    ~LineReader();
    LineReader(const LineReader&) = delete;

    Line read(const std::string& prompt);  // the prompt is shown on a terminal only

 private:
    struct Editor;
    std::unique_ptr<Editor> editor_;  // null without a terminal
};

// Lines that make one message. A backslash at the end of a line goes on with the next; a line that begins with """
// opens a block of lines, as they are, until one that ends with """. A pasted text is one line with line ends in it,
// whatever it holds.
class MessageLines {
 public:
    bool add(std::string_view line);  // true: the message is complete
    bool empty() const { return !open_; }
    bool is_plain() const { return plain_; }  // one line as it came: it may be a command
    std::string take();                       // also an unfinished one

 private:
    std::string text_;
    bool open_ = false, block_ = false, plain_ = false;
};

}  // namespace puna
