#include "library/hub/name.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace puna {

namespace {

constexpr size_t max_name = 96, max_part = 255, max_depth = 64;
constexpr std::string_view models_prefix = "models--";

bool is_word(unsigned char c) { return (c < 0x80 && std::isalnum(c)) || c == '_'; }

bool is_name_part(std::string_view part) {
    return !part.empty() && part.size() <= max_name && is_word(static_cast<unsigned char>(part.front())) &&
           is_word(static_cast<unsigned char>(part.back())) &&
           std::all_of(part.begin(), part.end(), [](unsigned char c) { return is_word(c) || c == '-' || c == '.'; });
}

std::string_view without_address(std::string_view text) {
    for (std::string_view prefix : {"https://", "http://"})
        if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    for (std::string_view host : {"hf.co/", "huggingface.co/"})
        if (text.starts_with(host)) return text.substr(host.size());
    return text;
}

bool is_safe_part(std::string_view part) {
    return !part.empty() && part.size() <= max_part && part != "." && part != ".." &&
           std::none_of(part.begin(), part.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '\\'; });
}

}  // namespace

bool is_repository_name(std::string_view text) {
    size_t slash = text.find('/');
    return slash != text.npos && is_name_part(text.substr(0, slash)) && is_name_part(text.substr(slash + 1)) &&
           text.find("--") == text.npos && text.find("..") == text.npos && !text.ends_with(".git");
}

std::optional<HubName> parse_hub_name(std::string_view text) {
    text = without_address(text);
    size_t colon = std::min(text.find(':'), text.size());
    HubName name{std::string(text.substr(0, colon)), std::string(text.substr(std::min(colon + 1, text.size())))};
    bool has_empty_selector = colon + 1 == text.size();
    if (!is_repository_name(name.repository) || has_empty_selector) return {};
    if (!name.selector.empty() && !is_safe_path(name.selector)) return {};
    return name;
}

std::string repository_folder(std::string_view repository) {
    std::string folder(models_prefix);
    for (char c : repository) folder += c == '/' ? "--" : std::string(1, c);
    return folder;
}

std::optional<std::string> repository_of_folder(std::string_view folder) {
    if (!folder.starts_with(models_prefix)) return {};
    folder.remove_prefix(models_prefix.size());
    size_t separator = folder.find("--");
    if (separator == folder.npos) return {};
    std::string name = fmt::format("{}/{}", folder.substr(0, separator), folder.substr(separator + 2));
    return is_repository_name(name) ? std::optional(name) : std::nullopt;
}

bool is_safe_path(std::string_view path) {
    if (path.empty() || (path.size() > 1 && path[1] == ':')) return false;
    for (size_t depth = 0;; ++depth) {
        size_t slash = std::min(path.find('/'), path.size());
        if (depth == max_depth || !is_safe_part(path.substr(0, slash))) return false;
        if (slash == path.size()) return true;
        path.remove_prefix(slash + 1);
    }
}

bool is_commit(std::string_view revision) {
    return revision.size() == 40 && std::all_of(revision.begin(), revision.end(), [](unsigned char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace puna
