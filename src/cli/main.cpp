#include "cli/command.h"

#include <fcntl.h>

#include <csignal>
#include <string>
#include <vector>

namespace {

// A closed standard stream would give its number to the next file that is opened, and what is meant for the one would
// land in the other. Reading the closed input fails, and so does writing a result to the closed output; what is told is
// lost.
void fill_closed_streams() {
    constexpr int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int stream = 0; stream < 3; ++stream)
        if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", modes[stream]);  // takes the lowest number that is free
}

}  // namespace

int main(int argc, char** argv) {
    fill_closed_streams();
    std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write, not the end
    std::vector<std::string> arguments(argv + 1, argv + argc);
    return puna::run_program(arguments);
}
