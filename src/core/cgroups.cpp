#include "core/cgroups.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace puna {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

template <class Line>
void for_each_line(std::string_view text, Line f) {
    std::istringstream stream{std::string(text)};
    for (std::string line; std::getline(stream, line);) f(line);
}

bool has_item(const std::string& list, std::string_view item) {
    return ("," + list + ",").find("," + std::string(item) + ",") != std::string::npos;
}

// A mounted cgroup hierarchy: its mount point and the cgroup that is visible there as the root.
struct Mount {
    fs::path root, point;
};

// Line format: id parent device ROOT POINT options [fields...] - TYPE source SUPER_OPTIONS
std::optional<Mount> find_mount(std::string_view mountinfo, std::string_view controller, bool version2) {
    std::optional<Mount> found;
    for_each_line(mountinfo, [&](const std::string& line) {
        std::vector<std::string> words = words_of(line);
        auto dash = std::find(words.begin(), words.end(), "-");
        if (words.size() < 6 || words.end() - dash < 4) return;
        bool matches = version2 ? dash[1] == "cgroup2" : dash[1] == "cgroup" && has_item(dash[3], controller);
        if (matches && !found) found = Mount{words[3], words[4]};
    });
    return found;
}

void add_with_ancestors(std::vector<Cgroup>& groups, const Mount& mount, const fs::path& group, bool version2,
                        const fs::path& root) {
    fs::path inside = group.lexically_relative(mount.root);
    if (inside.empty() || *inside.begin() == "..") inside = ".";
    for (fs::path path = inside;; path = path.parent_path()) {
        groups.push_back({root / mount.point.relative_path() / path, version2});
        if (path.empty() || path == ".") return;
    }
}

}  // namespace

std::string read_system_file(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<Cgroup> own_cgroups(std::string_view controller, const fs::path& root) {
    return find_cgroups(controller, read_system_file(root / "proc/self/cgroup"),
                        read_system_file(root / "proc/self/mountinfo"), root);
}

std::vector<Cgroup> find_cgroups(std::string_view controller, std::string_view cgroup, std::string_view mountinfo,
                                 const fs::path& root) {
    std::vector<Cgroup> groups;
    for_each_line(cgroup, [&](const std::string& line) {  // v2: "0::/path", v1: "4:cpu,cpuacct:/path"
        size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == line.npos || second == line.npos) return;
        std::string controllers = line.substr(first + 1, second - first - 1);
        bool version2 = controllers.empty();
        if (!version2 && !has_item(controllers, controller)) return;
        if (std::optional<Mount> mount = find_mount(mountinfo, controller, version2))
            add_with_ancestors(groups, *mount, line.substr(second + 1), version2, root);
    });
    return groups;
}

}  // namespace puna
