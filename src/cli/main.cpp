#include "cli/command.h"

#include <csignal>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);          // a closed pipe is an error of write, not the end
    std::vector<std::string> arguments(argv + 1, argv + argc);
    return puna::run_program(arguments);
}
