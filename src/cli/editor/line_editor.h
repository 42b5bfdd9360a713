// cli/editor/line_editor.h — edits one message: keys in, bytes for the terminal out.
//
//   ClusterWidths widths;
//   History history;
//   LineEditor editor(history, widths, {.complete = complete_command});
//   std::string shown = editor.start("> ", {.columns = 80, .rows = 24});
//   while (editor.state() == LineEditor::State::editing) shown += editor.handle(next_key());
//   send(editor.text());
//
// The keys are those of a shell. Up and Down move between the lines of a text, and before its first and after its last
// line through the history. Reads and writes nothing itself: cli/line_reader.h does.
#pragma once
#include "cli/editor/display.h"
#include "cli/editor/edit_buffer.h"
#include "cli/editor/history.h"
#include "cli/editor/keys.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// What may stand in place of the text from `begin` to the cursor.
struct TabCompletion {
    size_t begin = 0;
    std::vector<std::string> words = {};
};
using Completer = std::function<TabCompletion(std::string_view text)>;  // text: before the cursor

class LineEditor {
 public:
    enum class State {
        editing,
        accepted,
        interrupted,   // Ctrl-C
        end_of_input,  // Ctrl-D in an empty text
        suspended,     // Ctrl-Z; resume() continues
    };
    struct Options {
        Completer complete = {};
        RowDisplay::Options display = {};
    };

    LineEditor(const History& history, ClusterWidths& widths, Options options);

    std::string start(std::string prompt, ScreenSize size);
    std::string handle(const Key& key);
    std::string resize(ScreenSize size);
    std::string stop_measuring();  // the terminal does not answer: display().awaits_reports()
    void note_report(const Key& key) { display_.report(key.column); }  // one that arrives after the end of the text
    void forget_reports() { display_.stop_measuring(); }
    std::string resume();  // the cursor is in the first column of an empty line

    State state() const { return state_; }
    const std::string& text() const { return buffer_.text(); }
    size_t cursor() const { return buffer_.cursor(); }
    Layout layout() const;  // what is shown
    const RowDisplay& display() const { return display_; }

 private:
    std::string finish(State state);
    void edit(const Key& key);
    void erase(size_t from, size_t to);         // for yank
    void move_line(Key::Name direction);        // up or down, in the text or the history
    void move_in_history(Key::Name direction);  // older or newer
    std::string complete();
    void search(const Key& key);
    void find_older(size_t before);

    const History& history_;
    Completer complete_;
    ClusterWidths& widths_;
    RowDisplay display_;
    std::string prompt_;
    EditBuffer buffer_;
    State state_ = State::accepted;

    std::string erased_;      // what yank inserts
    bool erases_on_ = false;  // the last key erased: the next one adds to it
    int wanted_column_ = -1;  // of Up and Down, in columns; -1: that of the cursor
    size_t entry_ = 0;        // of the history; its size: the text itself
    std::string draft_;       // the text, while an entry is shown
    bool searching_ = false, found_ = false;
    std::string pattern_;  // of the search
};

}  // namespace puna
