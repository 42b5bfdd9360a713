#include "cli/stop_signals.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <initializer_list>

namespace puna {

namespace {

volatile std::sig_atomic_t received = 0;
const char* first_notice = "";

// Only async-signal-safe calls.
void on_stop_signal(int signal) {
    if (received) {
        std::signal(signal, SIG_DFL);
        ::raise(signal);
        return;
    }
    received = signal;
    ssize_t written = ::write(STDERR_FILENO, first_notice, std::strlen(first_notice));
    static_cast<void>(written);  // nothing can be done
}

}  // namespace

void catch_stop_signals(const char* notice) {
    first_notice = notice;
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction action {};
        if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
        action = {};
        action.sa_handler = on_stop_signal;
        action.sa_flags = SA_RESTART;
        ::sigaction(signal, &action, nullptr);
    }
}

void release_stop_signals() {
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction action {};
        if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == on_stop_signal)
            std::signal(signal, SIG_DFL);
    }
}

int stop_signal() { return received; }

int stop_code() { return 128 + (received ? received : SIGTERM); }

}  // namespace puna
