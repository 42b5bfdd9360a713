// data/input_files.h — which files a list of paths means, and what each of them holds.
//
//   for (const InputFile& file : find_input_files({"novels", "chat.jsonl.gz"})) ...
//
// A folder means every file below it, sorted by path; names that begin with a dot are left out. Links are followed;
// a file or folder that is reached in several ways is read once, with a line in the log, and one that is listed several
// times is read each time. Throws Error for a path that is not there, a link that leads nowhere, a folder without
// files, and a .json file, which is not JSON lines.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace puna {

struct InputFile {
    std::filesystem::path path;
    int64_t size = 0;    // on disk
    bool jsonl = false;  // .jsonl or .ndjson, also followed by .gz or .zst; anything else is text
    bool named = false;  // in the list itself, not found in a folder
};

std::vector<InputFile> find_input_files(const std::vector<std::string>& paths);

}  // namespace puna
