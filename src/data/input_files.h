// data/input_files.h — expands a list of paths into files and their formats.
//
//   for (const InputFile& file : find_input_files({"novels", "chat.jsonl.gz"})) log_info("{}", file.path.string());
//
// A folder stands for every file below it, sorted by path; names that begin with a dot are skipped. Links are followed;
// within a folder, a file that is reachable by several paths is read once, with a warning; a file that is listed
// several times is read each time. Throws Error for a missing path, a dangling link, a folder without files, and a
// .json file, which is not JSON Lines.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace puna {

struct InputFile {
    std::filesystem::path path;
    int64_t size = 0;    // on disk
    bool jsonl = false;  // .jsonl or .ndjson, optionally followed by .gz or .zst; otherwise text
    bool named = false;  // listed explicitly, not found in a folder
};

std::vector<InputFile> find_input_files(const std::vector<std::string>& paths);

}  // namespace puna
