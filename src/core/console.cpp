#include "core/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace puna {

bool supports_escapes(int descriptor) {
    const char* name = std::getenv("TERM");
    bool named = name && *name && std::string_view(name) != "dumb";
    return named && ::isatty(descriptor) == 1;
}

bool supports_color(int descriptor) {
    const char* no_color = std::getenv("NO_COLOR");
    return supports_escapes(descriptor) && !(no_color && *no_color);
}

void write_stderr(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

// One column short of the width: some terminals wrap a line that fills it.
void draw_status_line(const std::string& line) {
    winsize size{};
    bool has_width = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    write_stderr("\r\033[K" + line.substr(0, has_width ? size.ws_col - size_t{1} : 79));
}

}  // namespace puna
