#include "chat/jinja/strftime.h"

#include "core/error.h"

#include <algorithm>
#include <ctime>
#include <string>

namespace puna::jinja {

namespace {

constexpr std::string_view c_directives =
    "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyY%";  // as in C's locale "C", in which the program runs

std::tm to_tm(std::chrono::sys_seconds time) {
    std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return parts;
}

std::string format_directive(char letter, const std::tm& time) {
    if (letter == 'f') return "000000";             // microseconds
    if (letter == 'z' || letter == 'Z') return "";  // as for a naive datetime
    if (c_directives.find(letter) == c_directives.npos || letter == '\0')
        fail("strftime_now: unsupported directive '%{}'", printable(std::string(1, letter)));
    char text[64];
    const char directive[] = {'%', letter, '\0'};
    return std::string(text, std::strftime(text, sizeof text, directive, &time));
}

}  // namespace

Text format_time(const Text& format, std::chrono::sys_seconds time) {
    std::tm parts = to_tm(time);
    Text out;
    for (size_t i = 0; i < format.size(); ++i) {
        if (code_of(format[i]) != '%' || i + 1 == format.size()) {
            out += format[i];
            continue;
        }
        bool unpadded = code_of(format[i + 1]) == '-' && i + 2 < format.size();
        i += unpadded ? 2 : 1;
        std::string part =
            format_directive(code_of(format[i]) < 0x80 ? static_cast<char>(code_of(format[i])) : '?', parts);
        if (unpadded) part.erase(0, std::min(part.find_first_not_of('0'), part.size() - 1));
        out += text_of(part);
    }
    return tainted(std::move(out));
}

}  // namespace puna::jinja
