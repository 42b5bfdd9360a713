#include "tokenizer/prefix_finder.h"

#include <algorithm>
#include <utility>

namespace puna {

PrefixFinder::PrefixFinder(const TokenTable& table, std::vector<int32_t> ids)
    : sorted_(std::move(ids)), shorter_(sorted_.size()) {
    std::sort(sorted_.begin(), sorted_.end(), [&](int32_t a, int32_t b) { return table[a] < table[b]; });
    for (size_t i = 0; i < sorted_.size(); ++i) {
        std::string_view token = table[sorted_[i]];
        begins_[static_cast<unsigned char>(token[0])] = true;
        // Its prefixes sort before it, and all tokens between begin with them: follow the prefixes of the previous
        // token.
        auto at = static_cast<int32_t>(i) - 1;
        while (at >= 0 && !token.starts_with(token_at(table, at))) at = shorter_[static_cast<size_t>(at)];
        shorter_[i] = at;
    }
}

// Every token that is a prefix of the text is also a prefix of the last token that does not sort after the text.
std::optional<int32_t> PrefixFinder::find(const TokenTable& table, std::string_view text) const {
    if (text.empty() || !may_begin(text[0])) return {};
    auto after = std::upper_bound(sorted_.begin(), sorted_.end(), text,
                                  [&](std::string_view value, int32_t id) { return value < table[id]; });
    auto at = static_cast<int32_t>(after - sorted_.begin()) - 1;
    if (at < 0) return {};
    std::string_view last = token_at(table, at);
    auto common = std::mismatch(last.begin(), last.end(), text.begin(), text.end()).first - last.begin();
    while (at >= 0 && std::ssize(token_at(table, at)) > common) at = shorter_[static_cast<size_t>(at)];
    if (at < 0) return {};
    return sorted_[static_cast<size_t>(at)];
}

}  // namespace puna
