#include "core/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace puna {

namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// Where descriptions of terminals are, as in terminfo(5).
std::vector<std::filesystem::path> terminfo_folders() {
    std::vector<std::filesystem::path> folders{variable("TERMINFO"), variable("HOME") + "/.terminfo"};
    std::istringstream list(variable("TERMINFO_DIRS"));
    for (std::string folder; std::getline(list, folder, ':');) folders.emplace_back(folder);
    for (const char* folder : {"/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo"})
        folders.emplace_back(folder);
    return folders;
}

// Whether the description of the terminal contains ANSI's sequence that clears a line. A file is named x/xterm, or
// 78/xterm where file systems ignore case.
bool has_ansi_description(const std::string& name) {
    if (name.empty() || name.find('/') != name.npos) return false;
    auto first = static_cast<unsigned char>(name[0]);
    for (const std::filesystem::path& folder : terminfo_folders()) {
        for (const std::string& part : {name.substr(0, 1), fmt::format("{:x}", first)}) {
            std::ifstream file(folder / part / name, std::ios::binary);
            if (!file) continue;
            std::string description(1 << 15, '\0');  // at most this long, terminfo(5)
            file.read(description.data(), static_cast<std::streamsize>(description.size()));
            return description.find("\x1b[K") != description.npos;
        }
    }
    return false;
}

}  // namespace

bool supports_escapes(int descriptor) { return variable("NO_COLOR").empty() && is_ansi_terminal(descriptor); }

bool is_ansi_terminal(int descriptor) { return ::isatty(descriptor) == 1 && has_ansi_description(variable("TERM")); }

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
