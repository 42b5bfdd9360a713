#include "data/input_files.h"

#include "core/error.h"
#include "data/byte_stream.h"

#include <algorithm>

namespace puna {

namespace {

namespace fs = std::filesystem;

InputFile describe(const fs::path& path, bool named) {
    std::error_code ignored;
    auto size = fs::file_size(path, ignored);  // unknown for a pipe
    fs::path name = path.filename();
    if (kind_of(name) == ".gz" || kind_of(name) == ".zst") name = name.stem();
    return {path, ignored ? 0 : static_cast<int64_t>(size), kind_of(name) == ".jsonl" || kind_of(name) == ".ndjson",
            named};
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

std::vector<fs::path> files_below(const fs::path& folder) {
    std::vector<fs::path> files;
    try {
        for (auto at = fs::recursive_directory_iterator(folder); at != fs::recursive_directory_iterator(); ++at) {
            if (is_hidden(at->path()))
                at.disable_recursion_pending();
            else if (at->is_regular_file())
                files.push_back(at->path());
        }
    } catch (const fs::filesystem_error& problem) {
        fail("{}: cannot read the folder: {}", folder.string(), problem.code().message());
    }
    if (files.empty()) fail("{}: the folder has no files: name one with text, .gz, .zst or .jsonl", folder.string());
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

std::vector<InputFile> find_input_files(const std::vector<std::string>& paths) {
    std::vector<InputFile> files;
    for (const std::string& path : paths) {
        std::error_code problem;
        fs::file_status status = fs::status(path, problem);
        if (!fs::exists(status))
            fail("{}: cannot open: {}", path, problem ? problem.message() : "No such file or directory");
        if (!fs::is_directory(status)) {
            files.push_back(describe(path, true));
            continue;
        }
        for (const fs::path& file : files_below(path)) files.push_back(describe(file, false));
    }
    return files;
}

}  // namespace puna
