// cli/terminal.h — unbuffered output, and Ctrl-C as a flag.
//
//   print_now("Once upon");                                 // streamed text
//
// For lines typed by the user see cli/line_reader.h.
#pragma once
#include "core/error.h"

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
bool interrupted();      // since the last call of forget_interrupt
void forget_interrupt();

}  // namespace puna
