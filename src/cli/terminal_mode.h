// cli/terminal_mode.h — how the terminal treats the keys of a chat, and what happens to it meanwhile.
//
//   TerminalMode terminal;                                   // one at a time; the destructor restores what was
//   terminal.set(TerminalMode::typing);                      // keys arrive one by one: an editor shows them
//   if (terminal.wait() == TerminalMode::Event::input) read_keys();
//   terminal.set(TerminalMode::answering);                   // keys are not shown, and kept; Ctrl-C is a signal
//
// Without escape sequences (TERM=dumb) lines are typed as the system edits them. While the program is stopped, as by
// Ctrl-Z, the terminal is as it was found.
#pragma once
#include "cli/editor/display.h"

#include <chrono>
#include <optional>
#include <string>

namespace puna {

class TerminalMode {
 public:
    enum Mode { original, typing, answering };
    enum class Event { input, resized, resumed, interrupted, timeout };

    TerminalMode();  // standard input and output are a terminal
    ~TerminalMode();
    TerminalMode(const TerminalMode&) = delete;

    void set(Mode mode);
    Event wait(std::optional<std::chrono::milliseconds> most = {}) const;
    std::string read() const;    // after input; empty: it has ended
    void discard_typed() const;  // what was typed and not read
    void suspend() const;        // as Ctrl-Z does; returns when the program goes on
    bool is_ansi() const;
};

ScreenSize terminal_size();  // of standard output

}  // namespace puna
