#include "cli/editor/display.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace puna {

namespace {

constexpr size_t max_measured_at_once = 16;
constexpr std::string_view ask_cursor = "\x1b[6n", clear_line = "\x1b[K", clear_below = "\x1b[J", bold = "\x1b[1m",
                           plain = "\x1b[0m";

std::string sequence(size_t count, char last) { return count > 0 ? fmt::format("\x1b[{}{}", count, last) : ""; }

// The bytes and columns of the clusters with which both rows begin.
LayoutRow common_prefix(const LayoutRow& a, const LayoutRow& b, const ClusterWidths& widths) {
    LayoutRow prefix;
    std::string_view x = a.text, y = b.text;
    for (size_t at = 0; at < x.size() && at < y.size();) {
        std::string_view cluster = y.substr(at, cluster_end(y, at) - at);
        if (x.substr(at, cluster_end(x, at) - at) != cluster) break;
        prefix.text += cluster;
        prefix.width += widths.of(cluster);
        at += cluster.size();
    }
    return prefix;
}

}  // namespace

void RowDisplay::start(ScreenSize size) {
    size_ = {std::max(size.columns, min_columns), std::max(size.rows, 1)};
    shown_.clear();
    first_ = row_ = 0;
    column_ = 0;
}

void RowDisplay::move(size_t row, int column) {
    if (row < row_) out_ += sequence(row_ - row, 'A');
    if (row > row_) out_ += sequence(row - row_, 'B');
    row_ = row;
    if (column == column_) return;
    bool is_near = column_ >= 0 && column < column_ && column_ - column < column;
    if (is_near)
        out_ += sequence(static_cast<size_t>(column_ - column), 'D');
    else if (column_ >= 0 && column > column_)
        out_ += sequence(static_cast<size_t>(column - column_), 'C');
    else
        out_ += "\r" + sequence(static_cast<size_t>(column), 'C');
    column_ = column;
}

void RowDisplay::draw_row(size_t row, const LayoutRow& now) {
    if (row == shown_.size()) {
        if (row > 0) {
            move(row - 1, 0);
            out_ += "\r\n";
            row_ = row;
        }
        shown_.push_back({});
    }
    LayoutRow& before = shown_[row];
    if (before.text == now.text) return;
    LayoutRow same = common_prefix(before, now, widths_);
    std::string_view rest = std::string_view(now.text).substr(same.text.size());
    move(row, same.width);
    if (!rest.empty()) out_ += options_.bold ? fmt::format("{}{}{}", bold, rest, plain) : std::string(rest);
    column_ = now.width < size_.columns ? now.width : -1;
    if (before.width > now.width) out_ += clear_line;
    before = now;
}

void RowDisplay::scroll_to_cursor(const Layout& layout) {
    size_t height = static_cast<size_t>(size_.rows);
    if (layout.cursor_row < first_) first_ = layout.cursor_row;
    if (layout.cursor_row >= first_ + height) first_ = layout.cursor_row - height + 1;
    first_ = std::min(first_, layout.rows.size() - std::min(layout.rows.size(), height));
}

std::string RowDisplay::draw(const Layout& layout) {
    if (options_.measures && asked_.empty()) measure(layout.rows);
    if (asked_.empty()) draw_rows(layout);
    return std::exchange(out_, {});
}

void RowDisplay::draw_rows(const Layout& layout) {
    scroll_to_cursor(layout);
    size_t count = std::min(layout.rows.size() - first_, static_cast<size_t>(size_.rows));
    for (size_t row = 0; row < count; ++row) draw_row(row, layout.rows[first_ + row]);
    if (shown_.size() > count) {
        move(count, 0);
        out_ += clear_below;
        shown_.resize(count);
    }
    move(layout.cursor_row - first_, layout.cursor_column);
}

void RowDisplay::measure(const std::vector<LayoutRow>& rows) {
    LayoutRow before = shown_.empty() ? LayoutRow{} : shown_[row_];
    int column = column_;
    for (const LayoutRow& row : rows) {
        for (size_t at = 0, end = 0; at < row.text.size(); at = end) {
            end = cluster_end(row.text, at);
            std::string cluster = row.text.substr(at, end - at);
            bool ask = asked_.size() < max_measured_at_once && !widths_.is_certain(cluster);
            if (ask && was_asked_.insert(cluster).second) ask_width(std::move(cluster));
        }
    }
    if (asked_.empty()) return;
    out_ += fmt::format("\r{}", clear_line);
    column_ = 0;
    if (shown_.empty()) return;
    shown_[row_] = {};
    draw_row(row_, before);
    move(row_, column);
}

void RowDisplay::ask_width(std::string cluster) {
    out_ += fmt::format("\r{}{}", cluster, ask_cursor);
    asked_.push_back(std::move(cluster));
}

std::string RowDisplay::finish(Layout layout) {
    ScreenSize size = size_;
    std::string out;
    if (layout.rows.size() > static_cast<size_t>(size.rows)) {
        out = clear();
        size_.rows = static_cast<int>(layout.rows.size());
    }
    layout.cursor_row = layout.rows.size() - 1;
    layout.cursor_column = 0;
    draw_rows(layout);
    out += std::exchange(out_, {}) + "\r\n";
    start(size);
    return out;
}

std::string RowDisplay::clear() {
    move(0, 0);
    out_ += fmt::format("\r{}", clear_below);
    start(size_);
    return std::exchange(out_, {});
}

std::string RowDisplay::resize(ScreenSize size) {
    ScreenSize to{std::max(size.columns, min_columns), std::max(size.rows, 1)};
    auto lines_of = [&](int width) { return static_cast<size_t>(std::max(width - 1, 0) / to.columns + 1); };
    size_t above = 0;
    for (size_t row = 0; row < row_; ++row) above += lines_of(shown_[row].width);
    above += static_cast<size_t>(std::max(column_, 0) / to.columns);
    out_ += sequence(above, 'A') + fmt::format("\r{}", clear_below);
    start(to);
    return std::exchange(out_, {});
}

void RowDisplay::report(int column) {
    if (asked_.empty()) return;  // not asked for, or too late
    int width = column - 1;
    bool did_fit = width < size_.columns - 1;
    if (did_fit) widths_.set(asked_.front(), width);
    asked_.pop_front();
}

void RowDisplay::stop_measuring() {
    asked_.clear();
    options_.measures = false;
}

}  // namespace puna
