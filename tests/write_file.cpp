// For tests/disk_test.py: writes a file of N bytes through AtomicFile; errors are reported as the program reports them.
#include "core/atomic_file.h"
#include "core/error.h"

#include <cstdio>
#include <cstdlib>
#include <string>

int main(int count, char** arguments) {
    if (count != 3) return 2;
    try {
        puna::write_file(arguments[1], std::string(std::strtoull(arguments[2], nullptr, 10), 'n'));
    } catch (const puna::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
