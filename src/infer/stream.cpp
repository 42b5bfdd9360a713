#include "infer/stream.h"

#include <algorithm>
#include <utility>

namespace puna {

namespace {

// Length of the longest suffix of `text` that is a prefix of `stop`.
size_t partial_match(std::string_view text, std::string_view stop) {
    for (size_t n = std::min(text.size(), stop.size()); n > 0; --n)
        if (text.substr(text.size() - n) == stop.substr(0, n)) return n;
    return 0;
}

}  // namespace

std::string TextStream::append(std::string_view text) {
    if (stopped_) return {};
    held_ += text;
    size_t found = held_.npos, hold = 0;
    for (const std::string& stop : stops_) {
        if (stop.empty()) continue;
        found = std::min(found, held_.find(stop));
        hold = std::max(hold, partial_match(held_, stop));
    }
    if (found != held_.npos) {
        stopped_ = true;
        return std::exchange(held_, {}).substr(0, found);
    }
    std::string ready = held_.substr(0, held_.size() - hold);
    held_.erase(0, ready.size());
    return ready;
}

std::string TextStream::next(int32_t id) { return append(decoder_.next(id)); }

std::string TextStream::flush() {
    std::string ready = append(decoder_.flush());
    return stopped_ ? ready : ready + std::exchange(held_, {});
}

}  // namespace puna
