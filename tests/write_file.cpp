// For tests/disk_test.py: writes three times N bytes through AtomicFile; errors are reported as the program reports
// them.
#include "core/atomic_file.h"
#include "core/error.h"

#include <cstdio>
#include <cstdlib>
#include <string>

int main(int count, char** arguments) {
    if (count != 3) return 2;
    try {
        puna::AtomicFile file(arguments[1]);
        std::string piece(std::strtoull(arguments[2], nullptr, 10), 'n');
        for (int i = 0; i < 3; ++i) file.write(piece);
        file.commit();
    } catch (const puna::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
