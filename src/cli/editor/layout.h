// cli/editor/layout.h — a prompt and a text as rows of a terminal, and the place of the cursor in them.
//
//   ClusterWidths widths;
//   Layout layout = lay_out("> ", "two words", 9, 8, widths);       // rows "> two wo" and "rds"; cursor at 1, 3
//
// A row ends where the next cluster has no room, and at a newline, after which the text is indented as far as the
// prompt. Control characters are shown as ^A.
#pragma once
#include "cli/editor/clusters.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

constexpr int min_columns = 4;  // narrower terminals are treated as this wide

struct LayoutRow {
    std::string text;
    int width = 0;  // columns
};

struct Layout {
    std::vector<LayoutRow> rows;
    size_t cursor_row = 0;
    int cursor_column = 0;  // less than the width of the terminal
};

// cursor: a byte of the text, or its size.
Layout lay_out(std::string_view prompt, std::string_view text, size_t cursor, int columns, const ClusterWidths& widths);

}  // namespace puna
