#include "cli/command.h"
#include "core/mapped_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
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

}  // namespace

int main(int argc, char** argv) {
    fill_closed_streams();
    puna::recover_lost_pages();
    std::signal(SIGPIPE, SIG_IGN);  // writing to a closed pipe returns EPIPE instead
    std::vector<std::string> arguments(argv + 1, argv + argc);
    return puna::run_program(arguments);
}
