#include "core/progress.h"
#include "core/console.h"

#include <unistd.h>

#include <algorithm>

namespace puna {

using std::chrono::steady_clock;

Progress::Progress(std::string task, int64_t total, std::string unit)
    : task_(std::move(task)),
      unit_(std::move(unit)),
      total_(std::max<int64_t>(total, 1)),
      start_(steady_clock::now()),
      next_draw_(start_ + std::chrono::seconds(2)),
      terminal_(supports_escapes(STDERR_FILENO)) {}

Progress::~Progress() {
    if (drawn_) print_status("\r\033[K");
}

void Progress::advance(int64_t n) {
    done_.fetch_add(n, std::memory_order_relaxed);
    if (!terminal_) return;
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    steady_clock::time_point now = steady_clock::now();
    if (now < next_draw_) return;
    next_draw_ = now + std::chrono::milliseconds(100);
    draw(now);
}

void Progress::draw(steady_clock::time_point now) {
    double done = static_cast<double>(done_.load(std::memory_order_relaxed));
    double fraction = std::clamp(done / static_cast<double>(total_), 0.0, 1.0);
    double seconds = std::chrono::duration<double>(now - start_).count();
    constexpr int width = 20;
    int filled = static_cast<int>(fraction * width);
    std::string bar =
        std::string(static_cast<size_t>(filled), '#') + std::string(static_cast<size_t>(width - filled), '.');
    draw_status_line(fmt::format("{} [{}] {:.0f}%  {}  {}/s  {} left", task_, bar, fraction * 100,
                                 format_quantity(done, unit_), format_quantity(done / seconds, unit_),
                                 format_duration(fraction > 0 ? seconds * (1 - fraction) / fraction : 0)));
    drawn_ = true;
}

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string format_quantity(double value, const std::string& unit) {
    constexpr const char* prefixes[] = {"", "k", "M", "G", "T", "P"};
    size_t prefix = 0;
    for (; value >= 999.95 && prefix + 1 < std::size(prefixes); ++prefix) value /= 1000;
    return fmt::format("{:.{}f} {}{}", value, prefix == 0 ? 0 : 1, prefixes[prefix], unit);
}

std::string format_count(int64_t n, const std::string& noun) {
    std::string digits = fmt::format("{}", n);
    for (size_t end = digits.size(); end > (n < 0 ? 4u : 3u); end -= 3) digits.insert(end - 3, ",");
    return fmt::format("{} {}{}", digits, noun, n == 1 ? "" : "s");
}

std::string format_duration(double seconds) {
    int64_t s = seconds > 0 ? static_cast<int64_t>(std::min(seconds, 1e15) + 0.5) : 0;
    if (s < 60) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
    if (s < 86400) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
    return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

}  // namespace puna
