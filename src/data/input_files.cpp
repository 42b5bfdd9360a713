#include "data/input_files.h"

#include "core/error.h"
#include "core/log.h"
#include "data/byte_stream.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

namespace puna {

namespace {

namespace fs = std::filesystem;

InputFile describe(const fs::path& path, bool named) {
    std::error_code ignored;
    auto size = fs::file_size(path, ignored);  // unknown for a pipe
    return {path, ignored ? 0 : static_cast<int64_t>(size), format_of(path.filename()), named};
}

const std::string standard_input = "/dev/stdin";

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

using FileId = std::pair<dev_t, ino_t>;  // identifies a file under any name

struct stat status_of(const fs::path& path) {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) return status;
    bool link = fs::is_symlink(path);
    fail_errno(errno, "{}: cannot open{}", path.string(), link ? " the target of this link" : "");
}

// Lists one folder. A link may point to a file that is listed anyway, or to a parent folder.
class FolderWalk {
 public:
    explicit FolderWalk(BadInputs& bad) : bad_(bad) {}

    std::vector<fs::path> files_below(const fs::path& folder) {
        try_visit(folder);
        for (size_t i = 0; i < links_.size(); ++i) try_visit(fs::path(links_[i]));  // visit() may append
        std::sort(files_.begin(), files_.end());
        return std::move(files_);
    }

 private:
    void try_visit(const fs::path& path) {
        try {
            visit(path);
        } catch (const Error& problem) {
            bad_.add(BadInput(problem, path.string(), BadInput::file));
        }
    }

    void visit(const fs::path& path) {
        struct stat status = status_of(path);
        if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
            return log_warning("{}: skipped: neither a file nor a folder", path.string());
        auto [at, is_new] = seen_.try_emplace({status.st_dev, status.st_ino}, path);
        if (!is_new) return log_warning("{}: same as {}; read only once", path.string(), at->second.string());
        S_ISDIR(status.st_mode) ? enter(path) : files_.push_back(path);
    }

    void enter(const fs::path& folder) {
        std::vector<fs::path> entries;
        try {
            for (const fs::directory_entry& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
        } catch (const fs::filesystem_error& problem) {
            fail("{}: cannot read the folder: {}", folder.string(), problem.code().message());
        }
        std::sort(entries.begin(), entries.end());
        for (const fs::path& entry : entries) {
            if (is_hidden(entry)) continue;
            fs::is_symlink(entry) ? links_.push_back(entry)
                                  : try_visit(entry);  // links last: the real name is preferred
        }
    }

    BadInputs& bad_;
    std::map<FileId, fs::path> seen_;
    std::vector<fs::path> files_, links_;
};

// Listing a file several times is a way to give it more weight, but it may also be a mistake.
void note_repeated(const std::vector<InputFile>& files) {
    std::map<FileId, int> times;
    std::string example;
    for (const InputFile& file : files) {
        struct stat status;
        if (::stat(file.path.c_str(), &status) != 0) continue;
        if (++times[{status.st_dev, status.st_ino}] == 2 && example.empty()) example = file.path.string();
    }
    auto repeated = std::count_if(times.begin(), times.end(), [](const auto& entry) { return entry.second > 1; });
    if (repeated > 0)
        log_info("{}{}: listed more than once as an input and read each time", example,
                 repeated > 1 ? fmt::format(" and {} more", repeated - 1) : "");
}

}  // namespace

InputFormat format_of(const fs::path& path) {
    std::string extension = lower_extension(path);
    if (extension == ".gz" || extension == ".zst") extension = lower_extension(path.stem());
    if (extension == ".json") return InputFormat::json;
    return extension == ".jsonl" || extension == ".ndjson" ? InputFormat::jsonl : InputFormat::text;
}

std::vector<InputFile> find_input_files(const std::vector<std::string>& paths, BadInputs& bad) {
    std::vector<InputFile> files;
    for (const std::string& named : paths) {
        const std::string& path = named == "-" ? standard_input : named;
        std::error_code problem;
        fs::file_status status = fs::status(path, problem);
        if (!fs::exists(status))
            fail("{}: cannot open: {}", path, problem ? problem.message() : "No such file or directory");
        if (!fs::is_directory(status)) {
            files.push_back(describe(path, true));
            continue;
        }
        std::vector<fs::path> found = FolderWalk(bad).files_below(path);
        if (found.empty())
            fail("{}: the folder contains no files: give one with text, .json, .jsonl, .gz or .zst files", path);
        for (const fs::path& file : found) files.push_back(describe(file, false));
    }
    note_repeated(files);
    return files;
}

std::vector<InputFile> find_input_files(const std::vector<std::string>& paths) {
    BadInputs errors(false);
    return find_input_files(paths, errors);
}

}  // namespace puna
