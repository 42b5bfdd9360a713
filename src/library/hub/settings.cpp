#include "library/hub/settings.h"

#include "core/ascii.h"
#include "core/mapped_file.h"
#include "net/url.h"

#include <pwd.h>
#include <unistd.h>

#include <cctype>
#include <charconv>
#include <cstdlib>

namespace puna {

namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// The first of them that is set and not empty.
std::string first_variable(std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (std::string value = variable(name); !value.empty()) return value;
    return {};
}

bool is_on(const char* name) {
    std::string value = ascii_upper(variable(name));
    return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

double number_of(const char* name, double fallback) {
    std::string value = variable(name);
    int number = 0;
    auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    bool valid = problem == std::errc() && end == value.data() + value.size() && number > 0;
    return valid ? number : fallback;
}

std::string without_blanks(std::string_view text) {
    std::string out;
    for (char c : text)
        if (!std::isspace(static_cast<unsigned char>(c))) out += c;
    return out;
}

fs::path hf_home() {
    std::string home = variable("HF_HOME");
    return home.empty() ? xdg_folder("XDG_CACHE_HOME", ".cache") / "huggingface" : expand_home(home);
}

std::string saved_token() {
    std::string path = variable("HF_TOKEN_PATH");
    fs::path file = path.empty() ? hf_home() / "token" : expand_home(path);
    return file_exists(file) ? without_blanks(read_text(file)) : "";
}

std::string implicit_token() {
    if (is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return {};
    std::string token = without_blanks(first_variable({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}));
    return token.empty() ? saved_token() : token;
}

}  // namespace

fs::path home_folder() {
    if (std::string home = variable("HOME"); !home.empty()) return home;
    const passwd* user = ::getpwuid(::getuid());
    if (!user || !*user->pw_dir) fail("HOME is not set, so there is no folder for models; HF_HUB_CACHE names one");
    return user->pw_dir;
}

fs::path expand_home(std::string_view path) {
    if (path == "~") return home_folder();
    return path.starts_with("~/") ? home_folder() / path.substr(2) : fs::path(path);
}

fs::path xdg_folder(const char* name, const char* fallback) {
    std::string folder = variable(name);
    return folder.empty() ? home_folder() / fallback : expand_home(folder);
}

fs::path hub_cache_folder() {
    std::string folder = first_variable({"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"});
    return folder.empty() ? hf_home() / "hub" : expand_home(folder);
}

HubSettings hub_settings(const HubOptions& options) {
    HubSettings settings;
    std::string endpoint = options.endpoint.empty() ? variable("HF_ENDPOINT") : options.endpoint;
    if (!endpoint.empty()) settings.endpoint = parse_url(endpoint, "the hub's address").text;
    while (settings.endpoint.ends_with('/')) settings.endpoint.pop_back();
    settings.token = options.token.empty() ? implicit_token() : without_blanks(options.token);
    settings.cache = options.cache.empty() ? hub_cache_folder() : fs::path(options.cache);
    settings.offline = is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE");
    settings.http.stall_seconds = number_of("HF_HUB_DOWNLOAD_TIMEOUT", settings.http.stall_seconds);
    settings.request_stall_seconds = number_of("HF_HUB_ETAG_TIMEOUT", settings.request_stall_seconds);
    settings.retry.attempts = static_cast<int>(number_of("PUNA_HUB_ATTEMPTS", settings.retry.attempts));
    return settings;
}

}  // namespace puna
