// Prints the signature and compares it with the committed one, for processors that the program is only cross-compiled
// for.
#include "bench/signature.h"

#include <cstdio>

int main() {
    std::string signature = puna::compute_signature();
    bool good = signature == puna::committed_signature;
    std::printf("%s %s\n", signature.c_str(), good ? "matches the committed one" : "differs from the committed one");
    return good ? 0 : 1;
}
