// core/ascii.h — letter case of ASCII, whatever the locale. All other bytes stay, so that UTF-8 stays valid.
//
//   std::string name = ascii_lower("Config.JSON");               // "config.json"
#pragma once
#include <algorithm>
#include <string>

namespace puna {

inline std::string ascii_lower(std::string text) {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    std::transform(text.begin(), text.end(), text.begin(), lower);
    return text;
}

inline std::string ascii_upper(std::string text) {
    auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
    std::transform(text.begin(), text.end(), text.begin(), upper);
    return text;
}

}  // namespace puna
