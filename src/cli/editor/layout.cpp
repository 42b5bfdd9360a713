#include "cli/editor/layout.h"

#include "core/utf8.h"

#include <algorithm>
#include <utility>

namespace puna {

namespace {

constexpr int tab_stop = 8;

// As it is shown; a tab that begins in the column is shown as spaces.
std::string shown(std::string_view cluster, int column) {
    uint32_t code = read_character(cluster, 0).code;
    if (code == '\t') return std::string(static_cast<size_t>(tab_stop - column % tab_stop), ' ');
    if (code < 0x20 || code == 0x7f) return {'^', static_cast<char>(code ^ 0x40)};
    if (code >= 0x80 && code < 0xa0) return "\xef\xbf\xbd";
    return std::string(cluster);
}

// Rows that grow by one cluster after another.
class RowBuilder {
 public:
    RowBuilder(int columns, const ClusterWidths& widths) : columns_(std::max(columns, min_columns)), widths_(widths) {}

    void add(std::string_view cluster) {
        std::string text = shown(cluster, rows_.back().width);
        int width = widths_.of_text(text);
        make_room(width);
        rows_.back().text += text;
        rows_.back().width += width;
    }
    void add_newline(int indent) { rows_.push_back({std::string(static_cast<size_t>(indent), ' '), indent}); }
    void make_room(int width) {
        if (rows_.back().width + width > columns_ && rows_.back().width > 0) rows_.push_back({});
    }
    int indent() const { return rows_.size() == 1 && 2 * rows_[0].width <= columns_ ? rows_[0].width : 0; }
    size_t row() const { return rows_.size() - 1; }
    int column() const { return rows_.back().width; }
    std::vector<LayoutRow> take() { return std::move(rows_); }

 private:
    int columns_;
    const ClusterWidths& widths_;
    std::vector<LayoutRow> rows_{1};
};

template <class F>
void each_cluster(std::string_view text, F f) {
    for (size_t at = 0, end = 0; at < text.size(); at = end) {
        end = cluster_end(text, at);
        f(text.substr(at, end - at), at);
    }
}

}  // namespace

Layout lay_out(std::string_view prompt, std::string_view text, size_t cursor, int columns,
               const ClusterWidths& widths) {
    RowBuilder rows(columns, widths);
    each_cluster(prompt, [&](std::string_view cluster, size_t) { rows.add(cluster); });
    int indent = rows.indent();
    Layout layout;
    auto place_cursor = [&](int width) {  // of what it is on, which is to be on the same row
        rows.make_room(std::max(width, 1));
        layout.cursor_row = rows.row();
        layout.cursor_column = rows.column();
    };
    each_cluster(text, [&](std::string_view cluster, size_t at) {
        bool is_newline = cluster.ends_with('\n');
        if (cursor >= at && cursor < at + cluster.size())
            place_cursor(is_newline ? 1 : widths.of_text(shown(cluster, rows.column())));
        is_newline ? rows.add_newline(indent) : rows.add(cluster);
    });
    if (cursor >= text.size()) place_cursor(1);
    layout.rows = rows.take();
    return layout;
}

}  // namespace puna
