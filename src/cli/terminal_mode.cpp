#include "cli/terminal_mode.h"

#include "cli/terminal.h"
#include "core/console.h"
#include "core/error.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace puna {

namespace {

// For the signals' handlers.
struct Terminal {
    termios modes[3] = {};  // by TerminalMode::Mode
    volatile std::sig_atomic_t current = TerminalMode::original;
    std::atomic<bool> continued = false;  // since the last stop; any thread may get the signal
    bool is_ansi = false;
    int events[2] = {-1, -1};  // a pipe: handlers write what has happened
};
Terminal terminal;

constexpr char was_resized = 'r', was_resumed = 'c';
constexpr int interrupt_poll_ms = 200;  // the longest time until Ctrl-C is noticed where the system edits lines

// Bracketed paste: the terminal marks where pasted text begins and ends; terminals without support ignore the request.
constexpr char bracketed_paste_on[] = "\x1b[?2004h", bracketed_paste_off[] = "\x1b[?2004l";

void write_bytes(int descriptor, const char* bytes, size_t size) {
    [[maybe_unused]] ssize_t written = ::write(descriptor, bytes, size);  // a closed terminal is noticed elsewhere
}

// Async-signal-safe, as what it calls.
void apply(int mode) {
    while (::tcsetattr(STDIN_FILENO, TCSANOW, &terminal.modes[mode]) != 0 && errno == EINTR) {
    }
    if (!terminal.is_ansi) return;
    if (mode == TerminalMode::typing)
        write_bytes(STDOUT_FILENO, bracketed_paste_on, sizeof bracketed_paste_on - 1);
    else if (terminal.current == TerminalMode::typing)
        write_bytes(STDOUT_FILENO, bracketed_paste_off, sizeof bracketed_paste_off - 1);
}

void on_event(int signal) {
    int reason = errno;
    bool in_foreground = ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
    if (signal == SIGCONT && in_foreground) apply(terminal.current);
    write_bytes(terminal.events[1], signal == SIGCONT ? &was_resumed : &was_resized, 1);
    if (signal == SIGCONT) terminal.continued = true;
    errno = reason;
}

// SIGCONT ends a stop; where nothing stops, without a shell, there is none.
bool will_be_continued() {
    constexpr timespec interval{.tv_sec = 0, .tv_nsec = 10'000'000};
    for (int i = 0; i < 20 && !terminal.continued; ++i) ::nanosleep(&interval, nullptr);
    return terminal.continued;
}

void on_stop(int);

void handle(int signal, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
}

// Stops as if there were no handler. The terminal is the shell's meanwhile.
void on_stop(int) {
    int reason = errno;
    terminal.continued = false;
    apply(TerminalMode::original);
    handle(SIGTSTP, SIG_DFL);
    sigset_t stop, before;
    ::sigemptyset(&stop);
    ::sigaddset(&stop, SIGTSTP);
    ::pthread_sigmask(SIG_UNBLOCK, &stop, &before);
    ::raise(SIGTSTP);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    handle(SIGTSTP, on_stop);
    if (!will_be_continued()) on_event(SIGCONT);  // only once: the text would be drawn twice
    errno = reason;
}

void make_modes() {
    termios& typing = terminal.modes[TerminalMode::typing];
    termios& answering = terminal.modes[TerminalMode::answering];
    typing = answering = terminal.modes[TerminalMode::original];
    answering.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    answering.c_lflag |=
        NOFLSH;  // or Ctrl-C would discard output, and the cursor would be elsewhere than it is thought
    if (!terminal.is_ansi) return;
    answering.c_lflag &= ~static_cast<tcflag_t>(ICANON);
    typing.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
    typing.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR | IGNCR | ISTRIP);
    for (termios* mode : {&typing, &answering}) {
        mode->c_cc[VMIN] = 1;
        mode->c_cc[VTIME] = 0;
    }
}

}  // namespace

TerminalMode::TerminalMode() {
    terminal.is_ansi = is_ansi_terminal(STDOUT_FILENO);
    if (::tcgetattr(STDIN_FILENO, &terminal.modes[original]) != 0 || ::pipe2(terminal.events, O_CLOEXEC | O_NONBLOCK))
        fail_errno(errno, "cannot use the terminal");
    make_modes();
    handle(SIGWINCH, on_event);
    handle(SIGCONT, on_event);
    handle(SIGTSTP, on_stop);
}

TerminalMode::~TerminalMode() {
    for (int signal : {SIGWINCH, SIGCONT, SIGTSTP}) handle(signal, SIG_DFL);
    set(original);
    for (int descriptor : terminal.events) ::close(descriptor);
}

void TerminalMode::set(Mode mode) {
    if (mode == terminal.current) return;
    apply(mode);
    terminal.current = mode;
}

bool TerminalMode::is_ansi() const { return terminal.is_ansi; }

TerminalMode::Event TerminalMode::wait(std::optional<std::chrono::milliseconds> most) const {
    pollfd sources[] = {{STDIN_FILENO, POLLIN, 0}, {terminal.events[0], POLLIN, 0}};
    while (true) {
        int limit = most ? static_cast<int>(most->count()) : terminal.is_ansi ? -1 : interrupt_poll_ms;
        int ready = ::poll(sources, 2, limit);
        if (!terminal.is_ansi && interrupted()) return Event::interrupted;
        char events[64];
        ssize_t n = ready > 0 ? ::read(terminal.events[0], events, sizeof events) : 0;
        if (n > 0) return std::find(events, events + n, was_resumed) != events + n ? Event::resumed : Event::resized;
        if (ready > 0 && sources[0].revents != 0) return Event::input;
        if (ready == 0 && most) return Event::timeout;
    }
}

std::string TerminalMode::read() const {
    std::string bytes(4096, '\0');
    ssize_t n = -1;
    do {
        n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    } while (n < 0 && errno == EINTR && !interrupted());
    bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return bytes;
}

void TerminalMode::discard_typed() const { ::tcflush(STDIN_FILENO, TCIFLUSH); }

void TerminalMode::suspend() const { ::raise(SIGTSTP); }

ScreenSize terminal_size() {
    winsize size{};
    bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    return known ? ScreenSize{size.ws_col, size.ws_row} : ScreenSize{};
}

}  // namespace puna
