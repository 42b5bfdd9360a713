#include "files/json_strings.h"

#include "core/error.h"

namespace puna {

std::string_view JsonStrings::verbatim(const JsonEvent& event) const {
    size_t n = event.text.size();
    if (event.position < n + 2) return {};
    std::string_view raw = text_.substr(event.position - 1 - n, n);
    return raw == event.text && text_[event.position - n - 2] == '"' ? raw : std::string_view{};
}

std::string_view JsonStrings::store(const JsonEvent& event) {
    std::string_view raw = verbatim(event);
    if (!raw.empty() || event.text.empty()) return raw;
    unescaped_.reserve(unescaped_size_);
    check(unescaped_.size() + event.text.size() <= unescaped_size_, "JsonStrings::store: the string was not measured");
    size_t begin = unescaped_.size();
    unescaped_.insert(unescaped_.end(), event.text.begin(), event.text.end());
    return {unescaped_.data() + begin, event.text.size()};
}

}  // namespace puna
