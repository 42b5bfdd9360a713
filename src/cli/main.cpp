#include "cli/command.h"
#include "core/mapped_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

namespace {

// The next opened file would take a closed standard stream's descriptor, and output meant for the stream would land in
// that file. /dev/null takes its place: reading a closed input and writing results to a closed output fail; status
// output is lost.
void fill_closed_streams() {
    constexpr int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int stream = 0; stream < 3; ++stream)
        if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", modes[stream]);  // takes the lowest free descriptor
}

void write_error(const char* text) {
    ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
    static_cast<void>(written);  // errors cannot be reported here
}

// SIGBUS: a mapped file was truncated or its disk failed. Exceptions cannot be thrown here; only async-signal-safe
// calls. Several threads may get here at once: the first one reports and ends the process, the others wait for that.
void on_bus_error(int signal, siginfo_t* info, void*) {
    const char* path = puna::mapped_path_at(info->si_addr);
    if (!path) {  // any other fault: it recurs and ends the program by the default action
        std::signal(signal, SIG_DFL);
        return;
    }
    static std::atomic_flag reported = ATOMIC_FLAG_INIT;
    while (reported.test_and_set()) ::pause();
    write_error("puna: ");
    write_error(path);
    write_error(": ");
    write_error(puna::became_shorter);
    write_error("\n");
    ::_exit(1);
}

void explain_bus_errors() {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
    fill_closed_streams();
    explain_bus_errors();
    std::signal(SIGPIPE, SIG_IGN);  // writing to a closed pipe returns EPIPE instead
    std::vector<std::string> arguments(argv + 1, argv + argc);
    return puna::run_program(arguments);
}
