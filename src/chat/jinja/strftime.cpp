#include "chat/jinja/strftime.h"

#include "core/error.h"

#include <fmt/core.h>

#include <algorithm>

namespace puna::jinja {

namespace {

constexpr const char* months[] = {"January", "February", "March",     "April",   "May",      "June",
                                  "July",    "August",   "September", "October", "November", "December"};
constexpr const char* days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

std::string format_directive(char letter, std::chrono::sys_seconds time) {
    using namespace std::chrono;
    sys_days day = floor<std::chrono::days>(time);
    year_month_day date{day};
    hh_mm_ss clock{time - day};
    auto hour = clock.hours().count(), minute = clock.minutes().count(), second = clock.seconds().count();
    auto number = static_cast<unsigned>(date.day()), month = static_cast<unsigned>(date.month());
    int year = static_cast<int>(date.year());
    unsigned weekday = std::chrono::weekday{day}.c_encoding();
    auto day_of_year = (day - sys_days{date.year() / January / 1}).count() + 1;
    switch (letter) {
        case 'a':
            return std::string(days[weekday], 3);
        case 'A':
            return days[weekday];
        case 'b':
        case 'h':
            return std::string(months[month - 1], 3);
        case 'B':
            return months[month - 1];
        case 'd':
            return fmt::format("{:02}", number);
        case 'e':
            return fmt::format("{:2}", number);
        case 'D':
            return fmt::format("{:02}/{:02}/{:02}", month, number, year % 100);
        case 'F':
            return fmt::format("{}-{:02}-{:02}", year, month, number);
        case 'f':
            return "000000";
        case 'H':
            return fmt::format("{:02}", hour);
        case 'I':
            return fmt::format("{:02}", (hour + 11) % 12 + 1);
        case 'j':
            return fmt::format("{:03}", day_of_year);
        case 'm':
            return fmt::format("{:02}", month);
        case 'M':
            return fmt::format("{:02}", minute);
        case 'p':
            return hour < 12 ? "AM" : "PM";
        case 'R':
            return fmt::format("{:02}:{:02}", hour, minute);
        case 'S':
            return fmt::format("{:02}", second);
        case 'T':
        case 'X':
            return fmt::format("{:02}:{:02}:{:02}", hour, minute, second);
        case 'u':
            return fmt::format("{}", weekday == 0 ? 7 : weekday);
        case 'w':
            return fmt::format("{}", weekday);
        case 'y':
            return fmt::format("{:02}", year % 100);
        case 'Y':
            return fmt::format("{}", year);
        case 'z':
        case 'Z':
            return "";  // as for a naive datetime
        case '%':
            return "%";
        default:
            fail("strftime_now: unsupported directive '%{}'", printable(std::string(1, letter)));
    }
}

}  // namespace

Text format_time(const Text& format, std::chrono::sys_seconds time) {
    Text out;
    for (size_t i = 0; i < format.size(); ++i) {
        if (code_of(format[i]) != '%' || i + 1 == format.size()) {
            out += format[i];
            continue;
        }
        bool unpadded = code_of(format[i + 1]) == '-' && i + 2 < format.size();
        i += unpadded ? 2 : 1;
        std::string part =
            format_directive(code_of(format[i]) < 0x80 ? static_cast<char>(code_of(format[i])) : '?', time);
        if (unpadded) part.erase(0, std::min(part.find_first_not_of('0'), part.size() - 1));
        out += text_of(part);
    }
    return tainted(std::move(out));
}

}  // namespace puna::jinja
