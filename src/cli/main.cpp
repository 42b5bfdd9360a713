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

// The descriptor of a closed standard stream would be given to the next file that is opened, which would then receive
// what is meant for the stream. Reading the closed input fails, and so does writing to the closed output.
void fill_closed_streams() {
    constexpr int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int stream = 0; stream < 3; ++stream)
        if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", modes[stream]);  // takes the lowest number that is free
}

void write_error(const char* text) {
    ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
    static_cast<void>(written);  // nothing else can be done
}

// A mapped file has become shorter, or its disk failed: no exception can be thrown from here. Only async-signal-safe
// calls. Several threads may get here at once: the first one reports and ends the process, the others wait for that.
void on_bus_error(int signal, siginfo_t* info, void*) {
    const char* path = puna::mapped_path_at(info->si_addr);
    if (!path) {  // a fault of another kind: it is raised again and ends the program as by default
        std::signal(signal, SIG_DFL);
        return;
    }
    static std::atomic_flag reported = ATOMIC_FLAG_INIT;
    while (reported.test_and_set()) ::pause();
    write_error("puna: ");
    write_error(path);
    write_error(": became shorter while it was read, or its disk failed: fetch or copy it again\n");
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
    std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write, not the end
    std::vector<std::string> arguments(argv + 1, argv + argc);
    return puna::run_program(arguments);
}
