#include "core/folders.h"

#include "core/atomic_file.h"
#include "core/error.h"

#include <signal.h>
#include <stdlib.h>

#include <cerrno>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

void remove_quietly(const fs::path& folder) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
}

bool is_running(int process) { return ::kill(process, 0) == 0 || errno != ESRCH; }

void remove_leftovers(const fs::path& target) {
    std::error_code ignored;
    fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
    for (const fs::directory_entry& entry : fs::directory_iterator(parent, ignored)) {
        std::optional<TemporaryName> name = parse_temporary_name(entry.path().filename().string());
        if (name && name->target == target.filename() && !is_running(name->process)) remove_quietly(entry.path());
    }
}

fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

}  // namespace

TemporaryFolder::TemporaryFolder(std::string_view prefix) {
    std::string name = (fs::temp_directory_path() / fmt::format("{}-XXXXXX", prefix)).string();
    if (!::mkdtemp(name.data())) fail_errno(errno, "{}: cannot create", name);
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() { remove_quietly(path_); }

NewFolder::NewFolder(const fs::path& path)
    : target_(resolve_links(without_slash(path))), temporary_(temporary_name(target_)) {
    remove_leftovers(target_);
    remove_quietly(temporary_);  // of an earlier process with our number
    make_folder(temporary_);
}

NewFolder::~NewFolder() {
    if (!temporary_.empty()) remove_quietly(temporary_);
}

void NewFolder::commit() {
    rename_durably(temporary_, target_);
    temporary_.clear();
}

void NewFolder::replace() {
    if (!fs::exists(target_)) return commit();
    exchange_durably(temporary_, target_);
    remove_quietly(temporary_);  // the old one
    temporary_.clear();
}

}  // namespace puna
