#include "data/json_splitter.h"

#include "core/error.h"
#include "core/json.h"
#include "data/text_kind.h"

#include <algorithm>

namespace puna {

std::optional<JsonSplitter::Record> JsonSplitter::next(std::string_view text, size_t& at, bool at_end) {
    if (!inside_ && !find_begin(text, at, at_end)) return {};
    inside_ = true;
    if (!find_end(text.substr(at), at_end)) return {};
    Record record{at, at + scanned_, line_, in_array() ? item_++ : -1};
    line_ +=
        std::count(text.begin() + static_cast<ptrdiff_t>(at), text.begin() + static_cast<ptrdiff_t>(record.end), '\n');
    at = record.end;
    inside_ = false;
    scanned_ = 0;
    state_ = in_array() ? item : value;
    return record;
}

// Moves `at` to the next record.
bool JsonSplitter::find_begin(std::string_view text, size_t& at, bool at_end) {
    for (; at < text.size(); ++at) {
        if (text[at] == '\n') ++line_;
        if (!is_white_space(text[at]) && begins_record(text[at])) return true;
    }
    if (at_end && in_array()) fail_between("the array does not end, so the file is truncated");
    return false;
}

// Otherwise it is a bracket or a comma of the array.
bool JsonSplitter::begins_record(char c) {
    if (state_ == array_end) fail_between("unexpected text after the array");
    if (state_ == item && c != ',' && c != ']') fail_between("expected ',' or ']'");
    bool is_begin = state_ == nothing && c == '[', is_end = c == ']' && (state_ == item || state_ == array_begin);
    if (is_begin || is_end || state_ == item) {
        state_ = is_begin ? array_begin : is_end ? array_end : comma;
        return false;
    }
    std::string_view begins_value = "{[\"", begins_none = ",:}]";
    if (in_array() ? begins_none.find(c) != begins_none.npos : begins_value.find(c) == begins_value.npos)
        fail_between("expected an object, an array or a string");
    return true;
}

// Whether the record, which goes on to the end of what was read, ends in it.
bool JsonSplitter::find_end(std::string_view record, bool at_end) {
    while (scanned_ < record.size()) {
        char c = record[scanned_];
        bool outside = closers_.empty() && !in_string_;
        if (outside && (is_white_space(c) || c == ',' || c == ']')) return true;  // of a number or a word
        ++scanned_;
        if (in_string_ ? read_in_string(c, record) : read_bracket(c, record)) return true;
    }
    bool is_complete = at_end && closers_.empty() && !in_string_;
    if (at_end && !is_complete) fail_record(record);
    return is_complete;
}

// Whether the character closes the record: this and the next.
bool JsonSplitter::read_in_string(char c, std::string_view record) {
    if (escaped_) return escaped_ = false;
    if (c == '\n') fail_record(record.substr(0, scanned_));  // no string has one: a quote is missing
    escaped_ = c == '\\';
    in_string_ = c != '"';
    return !in_string_ && closers_.empty();
}

bool JsonSplitter::read_bracket(char c, std::string_view record) {
    in_string_ = c == '"';
    if (c == '{' || c == '[') closers_ += c == '{' ? '}' : ']';
    if (c != '}' && c != ']') return false;
    if (closers_.empty() || closers_.back() != c) fail_record(record.substr(0, scanned_));
    closers_.pop_back();
    return closers_.empty();
}

// The reader of complete texts says best what is wrong with it.
void JsonSplitter::fail_record(std::string_view record) const {
    std::string place = record_place(path_, line_, in_array() ? item_ : -1);
    read_json(record, place, [](const JsonEvent&) {});
    fail(ErrorKind::damaged, "{}: not valid JSON", place);
}

void JsonSplitter::fail_between(std::string_view problem) const {
    fail(ErrorKind::damaged, "{}:{}: not valid JSON: {}", path_, line_, problem);
}

std::string record_place(std::string_view path, int64_t line, int64_t item) {
    if (item < 0) return fmt::format("{}:{}", path, line);
    return fmt::format("{}[{}]{}", path, item, line > 1 ? fmt::format(" (line {})", line) : "");
}

}  // namespace puna
