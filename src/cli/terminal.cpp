#include "cli/terminal.h"

#include "core/console.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace puna {

namespace {

volatile std::sig_atomic_t interrupt_flag = 0;

void on_interrupt(int) { interrupt_flag = 1; }

}  // namespace

void print_now(std::string_view text) {
    static const bool terminal = prints_to_terminal();  // a closed terminal no longer counts as one
    bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (written) return;
    if (errno == EPIPE || (errno == EIO && terminal)) fail(ErrorKind::closed, "standard output: closed");
    fail(ErrorKind::output, "standard output: cannot write: {}", system_reason(errno));
}

bool prints_to_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool is_terminal() { return ::isatty(STDIN_FILENO) == 1 && prints_to_terminal(); }

std::string without_controls(std::string_view text) {
    std::string safe;
    for (size_t i = 0; i < text.size(); ++i) {
        unsigned char c = static_cast<unsigned char>(text[i]),
                      next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
        bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;  // U+0080 to U+009F
        bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || c1;
        safe += control ? "\xef\xbf\xbd" : std::string(1, text[i]);
        i += c1;
    }
    return safe;
}

std::string dimmed(std::string_view text) {
    return supports_escapes(STDOUT_FILENO) ? fmt::format("\x1b[2m{}\x1b[0m", text) : std::string(text);
}

void note_interrupts() {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;  // restarts interrupted writes
    ::sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return interrupt_flag != 0; }
void forget_interrupt() { interrupt_flag = 0; }

}  // namespace puna
