// Prints the signature, and whether it is the committed one: for processors that the rest is not built for here.
#include "bench/signature.h"

#include <cstdio>

int main() {
    std::string signature = puna::compute_signature();
    bool good = signature == puna::committed_signature;
    std::printf("%s %s\n", signature.c_str(), good ? "as committed" : "is not the committed one");
    return good ? 0 : 1;
}
