// cli/editor/history.h — what was typed before, kept in a file.
//
//   History history(history_file());          // an empty path: kept for this run only
//   history.add("Tell me a story.");
//   std::string last = history.entries().back();
//
// The file has the format of libedit: a first line, and one line for each entry, in which white space and control
// characters are escaped. Only its owner can read it. Several programs may add to it at once.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

std::string history_line(std::string_view entry);               // with its newline
std::vector<std::string> parse_history(std::string_view file);  // valid UTF-8, the oldest first; at most the last 1000

class History {
 public:
    explicit History(std::filesystem::path file = {});  // logs a warning if it cannot be kept

    void add(std::string_view entry);  // unless it is the last one already
    const std::vector<std::string>& entries() const { return entries_; }

 private:
    void append(std::string_view entry) const;

    std::filesystem::path file_;
    std::vector<std::string> entries_;
};

}  // namespace puna
