#include "core/json_file.h"

#include "core/error.h"

#include <algorithm>

namespace puna {

namespace {

constexpr size_t max_members = 256;

}  // namespace

JsonFile::JsonFile(const std::filesystem::path& path, const std::function<bool(std::string_view)>& is_needed)
    : path_(path.string()) {
    if (!file_exists(path)) return;
    file_.emplace(path);
    bool object = for_each_member(file_->text(), path_, [&](std::string_view name, const JsonValue& value) {
        if (!is_needed(name)) return;
        auto same = [name](const Member& member) { return member.first == name; };
        if (auto found = std::find_if(members_.begin(), members_.end(), same); found != members_.end()) {
            found->second = value;
            return;
        }
        if (members_.size() == max_members) fail("{}: has more than {} special tokens", path_, max_members);
        members_.emplace_back(std::string(name), value);
    });
    if (!object) fail("{}: not a JSON object: download it again or remove it", path_);
}

const JsonValue* JsonFile::find(std::string_view name) const {
    auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.first == name; });
    return found == members_.end() ? nullptr : &found->second;
}

std::string JsonFile::origin(std::string_view name) const { return fmt::format("{}: {}", path_, name); }

}  // namespace puna
