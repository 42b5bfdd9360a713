// train/json_lines.h — an append-only file of lines, such as metrics.jsonl.
//
//   JsonLines metrics(folder / "metrics.jsonl", state.metrics_bytes);     // truncated to the checkpoint's length
//   metrics.append(line);
//   metrics.sync();                                                       // before a checkpoint records the length
//
// Throws Error if a write fails; synced lines are preserved.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace puna {

class JsonLines {
 public:
    JsonLines(const std::filesystem::path& path, int64_t keep_bytes);  // truncates the file to keep_bytes
    ~JsonLines();
    JsonLines(const JsonLines&) = delete;

    void append(const std::string& line);
    void sync();
    int64_t bytes() const { return bytes_; }

 private:
    std::filesystem::path path_;
    int descriptor_;
    int64_t bytes_ = 0;
};

}  // namespace puna
