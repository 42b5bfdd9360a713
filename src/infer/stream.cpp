#include "infer/stream.h"

#include <algorithm>
#include <utility>

namespace puna {

namespace {

// How much of the end of `text` could be the beginning of `stop`.
size_t begun(std::string_view text, std::string_view stop) {
    for (size_t n = std::min(text.size(), stop.size()); n > 0; --n)
        if (text.substr(text.size() - n) == stop.substr(0, n)) return n;
    return 0;
}

}  // namespace

std::string TextStream::take(std::string_view text) {
    if (stopped_) return {};
    held_ += text;
    size_t found = held_.npos, hold = 0;
    for (const std::string& stop : stops_) {
        if (stop.empty()) continue;
        found = std::min(found, held_.find(stop));
        hold = std::max(hold, begun(held_, stop));
    }
    if (found != held_.npos) {
        stopped_ = true;
        return std::exchange(held_, {}).substr(0, found);
    }
    std::string shown = held_.substr(0, held_.size() - hold);
    held_.erase(0, shown.size());
    return shown;
}

std::string TextStream::next(int32_t id) { return take(decoder_.next(id)); }

std::string TextStream::flush() {
    std::string shown = take(decoder_.flush());
    return stopped_ ? shown : shown + std::exchange(held_, {});
}

}  // namespace puna
