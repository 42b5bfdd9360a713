// cli/editor/display.h — keeps rows on a terminal, changing no more of it than differs.
//
//   ClusterWidths widths;
//   RowDisplay display(widths, {.bold = true, .measures = true});
//   display.start({.columns = 80, .rows = 24});
//   write(display.draw(lay_out("> ", "typed", 5, 80, widths)));         // later again, with another layout
//   write(display.finish(lay_out("> ", "typed", 5, 80, widths)));       // the cursor is on the line below
//
// All functions return bytes for the terminal. At `start` the cursor is in the first column of an empty line. Rows are
// separate lines to the terminal, which therefore never joins them. What does not fit on the screen is shown in part.
//
// Widths of clusters on which terminals do not agree are measured before they are first drawn: the cluster is written
// to the first column, the terminal asked where its cursor is, and what was there written again. The answers arrive
// among the keys, or never; until then `draw` changes nothing.
#pragma once
#include "cli/editor/layout.h"

#include <deque>
#include <set>
#include <string>

namespace puna {

struct ScreenSize {
    int columns = 80, rows = 24;
};

class RowDisplay {
 public:
    struct Options {
        bool bold = false;
        bool measures = false;
    };
    RowDisplay(ClusterWidths& widths, Options options) : widths_(widths), options_(options) {}

    void start(ScreenSize size);
    std::string draw(const Layout& layout);
    std::string finish(Layout layout);    // shows all rows, also those without room on the screen
    std::string clear();                  // removes the rows; the cursor is where it was at `start`
    std::string resize(ScreenSize size);  // clears, after the terminal has wrapped the rows at its new width

    bool awaits_reports() const { return !asked_.empty(); }
    void report(int column);  // of the cursor, from 1
    void stop_measuring();    // the terminal does not answer
    ScreenSize size() const { return size_; }

 private:
    void scroll_to_cursor(const Layout& layout);
    void draw_row(size_t row, const LayoutRow& now);
    void move(size_t row, int column);
    void draw_rows(const Layout& layout);
    void measure(const std::vector<LayoutRow>& rows);
    void ask_width(std::string cluster);

    ClusterWidths& widths_;
    Options options_;
    ScreenSize size_;
    std::vector<LayoutRow> shown_;
    size_t first_ = 0;  // row of the layout that is shown first
    size_t row_ = 0;    // of the cursor, in shown_
    int column_ = 0;    // of the cursor; -1: after the last column, where terminals differ
    std::string out_;
    std::deque<std::string> asked_;  // clusters whose widths the terminal has not answered yet
    std::set<std::string> was_asked_;
};

}  // namespace puna
