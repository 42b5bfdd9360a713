// Preloaded into a program under test: locks by flock are granted to everybody, as on some network file systems, or
// with PUNA_NO_FLOCK=missing not supported at all.
#include <cerrno>
#include <cstdlib>

extern "C" int flock(int, int) {
    if (!std::getenv("PUNA_NO_FLOCK")) return 0;
    errno = ENOLCK;
    return -1;
}
