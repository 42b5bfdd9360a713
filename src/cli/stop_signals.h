// cli/stop_signals.h — Ctrl-C and SIGTERM ask a long command to stop at its next safe point; a second one ends it.
//
//   catch_stop_signals("\nfinishing this step\n");                 // printed with the first signal
//   int64_t steps = 0;
//   while (!stop_signal() && steps < 100) ++steps;
//   int code = stop_signal() ? stop_code() : 0;
//
// A signal that the program inherited as ignored (nohup, background jobs of scripts) stays ignored.
#pragma once

namespace puna {

// For SIGINT, SIGTERM and SIGHUP. notice: a literal, printed as it is.
void catch_stop_signals(const char* notice);
void release_stop_signals();  // from now on they end the program again
int stop_signal();            // the first that arrived; 0: none
int stop_code();              // the exit code for it: 130 for SIGINT, 143 for SIGTERM; of SIGTERM if none arrived here
}  // namespace puna
