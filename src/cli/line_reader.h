// cli/line_reader.h — lines typed by the user, or written to a pipe.
//
//   LineReader reader(history_file());
//   Line line = reader.read("> ");                          // on a terminal: edited, with history; from a pipe: as
//                                                           // written, without a \r before the newline
//
// On a terminal Ctrl-C at the prompt ends the line. Between two lines keys are not shown, but kept for the next one,
// and Ctrl-C sets interrupted() (cli/terminal.h).
#pragma once
#include "cli/editor/line_editor.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace puna {

// Empty if there is no home folder.
std::filesystem::path state_folder();  // of what is kept from one chat to the next
std::filesystem::path history_file();

struct Line {
    enum Kind { text, interrupted, end };
    Kind kind;
    std::string content;  // without its newline
};

class LineReader {
 public:
    explicit LineReader(std::filesystem::path history, Completer complete = {});
    ~LineReader();
    LineReader(const LineReader&) = delete;

    Line read(const std::string& prompt);                    // the prompt is shown on a terminal only
    void discard_typed();                                    // what was typed since the last line
    const ClusterWidths& widths() const { return widths_; }  // as measured while lines were typed

 private:
    struct Typist;
    ClusterWidths widths_;
    std::unique_ptr<Typist> typist_;  // null without a terminal
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
