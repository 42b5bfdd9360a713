// cli/editor/clusters.h — grapheme clusters, which a reader takes for one character, and their width on a terminal.
//
//   size_t end = cluster_end("e\xcc\x81x", 0);              // 3: a letter with its accent
//   ClusterWidths widths;
//   int columns = widths.of("\xe4\xb8\xad");                // 2
//   widths.set("\xf0\x9f\x87\xa6\xf0\x9f\x87\xb9", 4);      // a flag, on a terminal that shows two letters instead
//
// Texts are valid UTF-8. Terminals agree on the width of most clusters, but not on that of symbols and of sequences
// such as emoji joined by U+200D: for those `of` is a guess until it is measured. Source: Unicode Standard Annexes 11
// and 29, as utf8proc implements them.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace puna {

size_t cluster_end(std::string_view text, size_t begin);  // of the cluster that begins at `begin` < text.size()
size_t cluster_begin(std::string_view text, size_t end);  // of the last one that begins before `end` > 0

bool is_word_character(std::string_view cluster);  // a letter or a digit
bool is_closing(std::string_view cluster);         // punctuation that does not begin a line

class ClusterWidths {
 public:
    int of(std::string_view cluster) const;
    int of_text(std::string_view text) const;         // on one line
    bool is_certain(std::string_view cluster) const;  // measured, or the same on all terminals
    void set(std::string_view cluster, int columns) { measured_.insert_or_assign(std::string(cluster), columns); }

 private:
    std::map<std::string, int, std::less<>> measured_;
};

}  // namespace puna
