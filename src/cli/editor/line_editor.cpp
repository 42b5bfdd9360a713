#include "cli/editor/line_editor.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace puna {

namespace {

constexpr std::string_view clear_screen = "\x1b[H\x1b[2J";

bool erases(Key::Name name) { return name >= Key::erase_word_left && name <= Key::erase_to_end; }

// In columns of equal width, as ls prints names.
std::string list_words(const std::vector<std::string>& words, int columns, const ClusterWidths& widths) {
    int width = 0;
    for (const std::string& word : words) width = std::max(width, widths.of_text(word) + 2);
    size_t per_line = static_cast<size_t>(std::max(columns / width, 1));
    std::string out;
    for (size_t i = 0; i < words.size(); ++i) {
        bool is_last = (i + 1) % per_line == 0 || i + 1 == words.size();
        out += words[i];
        out += is_last ? "\r\n" : std::string(static_cast<size_t>(width - widths.of_text(words[i])), ' ');
    }
    return out;
}

std::string common_beginning(const std::vector<std::string>& words) {
    std::string_view common = words[0];
    for (const std::string& word : words) {
        auto differs = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
        common = common.substr(0, static_cast<size_t>(differs.first - common.begin()));
    }
    size_t end = 0;  // of the last whole cluster
    while (end < common.size() && cluster_end(words[0], end) <= common.size()) end = cluster_end(words[0], end);
    return std::string(common.substr(0, end));
}

}  // namespace

LineEditor::LineEditor(const History& history, ClusterWidths& widths, Options options)
    : history_(history), complete_(std::move(options.complete)), widths_(widths), display_(widths, options.display) {}

std::string LineEditor::start(std::string prompt, ScreenSize size) {
    prompt_ = std::move(prompt);
    buffer_.set("");
    state_ = State::editing;
    erases_on_ = searching_ = false;
    wanted_column_ = -1;
    entry_ = history_.entries().size();
    draft_.clear();
    display_.start(size);
    return display_.draw(layout());
}

std::string LineEditor::resize(ScreenSize size) {
    std::string cleared = display_.resize(size);
    return cleared + display_.draw(layout());
}

std::string LineEditor::stop_measuring() {
    display_.stop_measuring();
    return display_.draw(layout());
}

std::string LineEditor::resume() {
    state_ = State::editing;
    display_.start(display_.size());
    return display_.draw(layout());
}

Layout LineEditor::layout() const {
    std::string prompt = fmt::format("({} '{}') ", found_ ? "search" : "not found:", pattern_);
    return lay_out(searching_ ? prompt : prompt_, text(), cursor(), display_.size().columns, widths_);
}

std::string LineEditor::finish(State state) {
    searching_ = false;
    state_ = state;
    return display_.finish(layout());
}

std::string LineEditor::handle(const Key& key) {
    if (key.name == Key::cursor_report) {
        display_.report(key.column);
        return display_.draw(layout());
    }
    if (searching_) search(key);
    if (searching_) return display_.draw(layout());
    switch (key.name) {
        case Key::enter:
            return finish(State::accepted);
        case Key::interrupt:
            return finish(State::interrupted);
        case Key::suspend:
            return finish(State::suspended);
        case Key::tab:
            return complete();
        case Key::clear_screen:
            display_.start(display_.size());
            return std::string(clear_screen) + display_.draw(layout());
        case Key::end_of_input:
            if (text().empty()) return finish(State::end_of_input);
            break;
        default:
            break;
    }
    edit(key);
    return display_.draw(layout());
}

void LineEditor::edit(const Key& key) {
    bool is_vertical = key.name == Key::up || key.name == Key::down;
    if (!is_vertical) wanted_column_ = -1;
    if (!erases(key.name)) erases_on_ = false;
    switch (key.name) {
        case Key::text:
        case Key::paste:
            buffer_.insert(key.content);
            break;
        case Key::new_line:
            buffer_.insert("\n");
            break;
        case Key::left:
            buffer_.move_to(buffer_.left());
            break;
        case Key::right:
            buffer_.move_to(buffer_.right());
            break;
        case Key::home:
            buffer_.move_to(buffer_.line_begin());
            break;
        case Key::end:
            buffer_.move_to(buffer_.line_end());
            break;
        case Key::word_left:
            buffer_.move_to(buffer_.word_left());
            break;
        case Key::word_right:
            buffer_.move_to(buffer_.word_right());
            break;
        case Key::backspace:
            buffer_.erase(buffer_.left(), cursor());
            break;
        case Key::end_of_input:
        case Key::erase:
            buffer_.erase(cursor(), buffer_.right());
            break;
        case Key::erase_word_left:
            erase(buffer_.word_left(), cursor());
            break;
        case Key::erase_word_right:
            erase(cursor(), buffer_.word_right());
            break;
        case Key::erase_blank_left:
            erase(buffer_.blank_left(), cursor());
            break;
        case Key::erase_to_begin:
            erase(buffer_.line_begin(), cursor());
            break;
        case Key::erase_to_end:
            erase(cursor(), std::max(buffer_.line_end(), buffer_.right()));
            break;
        case Key::yank:
            buffer_.insert(erased_);
            break;
        case Key::swap:
            buffer_.swap_clusters();
            break;
        case Key::up:
        case Key::down:
            move_line(key.name);
            break;
        case Key::older:
        case Key::newer:
            move_in_history(key.name);
            break;
        case Key::search:
            searching_ = found_ = true;
            pattern_.clear();
            draft_ = entry_ == history_.entries().size() ? text() : draft_;
            break;
        default:
            break;
    }
}

void LineEditor::erase(size_t from, size_t to) {
    if (from == to) return;
    bool backward = to == cursor();
    std::string erased = buffer_.erase(from, to);
    if (!erases_on_) erased_.clear();
    erased_ = backward ? erased + erased_ : erased_ + erased;
    erases_on_ = true;
}

// To the cluster in the next line that is as far from the line's beginning as the cursor was when it began to move.
void LineEditor::move_line(Key::Name direction) {
    bool up = direction == Key::up;
    if (up ? buffer_.is_first_line() : buffer_.is_last_line()) return move_in_history(up ? Key::older : Key::newer);
    size_t begin = buffer_.line_begin();
    std::string_view all = text();
    if (wanted_column_ < 0) wanted_column_ = widths_.of_text(all.substr(begin, cursor() - begin));
    buffer_.move_to(up ? begin - 1 : buffer_.line_end() + 1);
    size_t at = buffer_.line_begin(), end = buffer_.line_end();
    for (int column = 0; at < end && column < wanted_column_;) {
        size_t next = cluster_end(all, at);
        column += widths_.of(all.substr(at, next - at));
        if (column <= wanted_column_) at = next;
    }
    buffer_.move_to(at);
}

void LineEditor::move_in_history(Key::Name direction) {
    const std::vector<std::string>& entries = history_.entries();
    bool older = direction == Key::older;
    if (older ? entry_ == 0 : entry_ == entries.size()) return;
    if (entry_ == entries.size()) draft_ = text();
    entry_ = older ? entry_ - 1 : entry_ + 1;
    buffer_.set(entry_ == entries.size() ? draft_ : entries[entry_]);
}

void LineEditor::search(const Key& key) {
    switch (key.name) {
        case Key::text:
            pattern_ += key.content;
            find_older(entry_ + 1);
            return;
        case Key::backspace:
            if (!pattern_.empty()) pattern_.resize(cluster_begin(pattern_, pattern_.size()));
            entry_ = history_.entries().size();
            find_older(entry_);
            return;
        case Key::search:
            find_older(entry_);
            return;
        case Key::cancel:
            entry_ = history_.entries().size();
            buffer_.set(draft_);
            break;
        default:
            break;
    }
    searching_ = false;  // and the key does what it does elsewhere
}

// Shows the last entry before `before` that contains the pattern; if there is none, the text stays.
void LineEditor::find_older(size_t before) {
    found_ = true;
    const std::vector<std::string>& entries = history_.entries();
    for (size_t i = std::min(before, entries.size()); i-- > 0;) {
        size_t at = entries[i].find(pattern_);
        if (at == std::string::npos) continue;
        entry_ = i;
        buffer_.set(entries[i]);
        buffer_.move_to(at);
        return;
    }
    found_ = false;
}

std::string LineEditor::complete() {
    std::string out;
    TabCompletion found;
    if (complete_) found = complete_(std::string_view(text()).substr(0, cursor()));
    if (!found.words.empty()) {
        std::string common = common_beginning(found.words);
        if (found.words.size() == 1 || common.size() > cursor() - found.begin) {
            buffer_.erase(found.begin, cursor());
            buffer_.insert(common);
        } else {
            out = display_.finish(layout()) + list_words(found.words, display_.size().columns, widths_);
        }
    }
    return out + display_.draw(layout());
}

}  // namespace puna
