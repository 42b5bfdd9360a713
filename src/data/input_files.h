// data/input_files.h — expands a list of paths into files and their formats.
//
//   for (const InputFile& file : find_input_files({"novels", "chat.jsonl.gz"})) log_info("{}", file.path.string());
//
// A folder stands for every file below it, sorted by path; names that begin with a dot are skipped. Links are followed;
// within a folder, a file that is reachable by several paths is read once, with a warning; a file that is listed
// several times is read each time. Throws Error for a missing path and a folder without files; a dangling link and a
// folder that cannot be read are bad inputs.
#pragma once
#include "data/bad_input.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace puna {

enum class InputFormat : uint8_t { text, jsonl, json };  // jsonl: .jsonl or .ndjson

InputFormat format_of(const std::filesystem::path& path);  // by the extension before .gz or .zst

struct InputFile {
    std::filesystem::path path;
    int64_t size = 0;  // on disk
    InputFormat format = InputFormat::text;
    bool named = false;               // listed explicitly, not found in a folder
    std::filesystem::path copy = {};  // of a pipe (data/pipe_copies.h), which is read in its place
    bool is_text() const { return format == InputFormat::text; }
    const std::filesystem::path& content() const { return copy.empty() ? path : copy; }
};

std::vector<InputFile> find_input_files(const std::vector<std::string>& paths, BadInputs& bad);
std::vector<InputFile> find_input_files(const std::vector<std::string>& paths);  // bad inputs are errors

}  // namespace puna
