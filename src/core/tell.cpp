#include "core/tell.h"

#include <cstdio>

namespace puna {

void write_error_stream(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

}  // namespace puna
