#include "cli/editor/keys.h"

#include "core/utf8.h"

#include <algorithm>
#include <charconv>

namespace puna {

namespace {

constexpr char escape = '\x1b';
constexpr std::string_view paste_ends = "\x1b[201~", replacement = "\xef\xbf\xbd";
constexpr size_t max_sequence = 64;  // bytes; longer ones are not of a terminal

struct NamedKey {
    std::string_view bytes;
    Key::Name name;
};

constexpr NamedKey control_keys[] = {
    {"\r", Key::enter},
    {"\n", Key::enter},
    {"\t", Key::tab},
    {"\x7f", Key::backspace},
    {"\x08", Key::backspace},
    {"\x01", Key::home},
    {"\x02", Key::left},
    {"\x03", Key::interrupt},
    {"\x04", Key::end_of_input},
    {"\x05", Key::end},
    {"\x06", Key::right},
    {"\x07", Key::cancel},
    {"\x0b", Key::erase_to_end},
    {"\x0c", Key::clear_screen},
    {"\x0e", Key::newer},
    {"\x10", Key::older},
    {"\x12", Key::search},
    {"\x14", Key::swap},
    {"\x15", Key::erase_to_begin},
    {"\x17", Key::erase_blank_left},
    {"\x19", Key::yank},
    {"\x1a", Key::suspend},
};

// After Escape, as with Alt.
constexpr NamedKey alt_keys[] = {
    {"b", Key::word_left},          {"f", Key::word_right},         {"d", Key::erase_word_right},
    {"\x7f", Key::erase_word_left}, {"\x08", Key::erase_word_left}, {"\r", Key::new_line},
    {"\n", Key::new_line},
};

// After CSI, Escape [; without the number of an unmodified key.
constexpr NamedKey sequences[] = {
    {"A", Key::up},
    {"B", Key::down},
    {"C", Key::right},
    {"D", Key::left},
    {"H", Key::home},
    {"F", Key::end},
    {"1~", Key::home},
    {"7~", Key::home},
    {"4~", Key::end},
    {"8~", Key::end},
    {"3~", Key::erase},
    {"1;5C", Key::word_right},
    {"1;5D", Key::word_left},
    {"1;3C", Key::word_right},
    {"1;3D", Key::word_left},
    {"3;5~", Key::erase_word_right},
    {"3;3~", Key::erase_word_right},
};

template <size_t N>
std::optional<Key::Name> find(const NamedKey (&keys)[N], std::string_view bytes) {
    for (const NamedKey& key : keys)
        if (key.bytes == bytes) return key.name;
    return {};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Valid UTF-8, without zero bytes. Lines end with \n, and the last ones are not ended, so that a pasted command is one.
std::string normalized(std::string_view paste) {
    std::string text;
    for (size_t at = 0; at < paste.size();) {
        Character c = read_character(paste, at);
        if (c.code == not_unicode)
            text += replacement;
        else if (c.code == '\r')  // terminals send newlines as the Enter key
            text += paste.substr(at + 1, 1) == "\n" ? "" : "\n";
        else if (c.code != 0)
            text += paste.substr(at, c.size);
        at += c.size;
    }
    text.resize(text.find_last_not_of('\n') + 1);  // none: npos + 1 is 0
    return text;
}

// The column of a report of the cursor's position, ROW;COLUMN R.
std::optional<int> reported_column(std::string_view sequence) {
    size_t semicolon = sequence.find(';');
    if (!sequence.ends_with('R') || semicolon == sequence.npos) return {};
    int column = 0;
    const char* last = sequence.data() + sequence.size() - 1;
    auto [end, problem] = std::from_chars(sequence.data() + semicolon + 1, last, column);
    if (problem != std::errc() || end != last || column < 1) return {};
    return column;
}

}  // namespace

Key KeyDecoder::use(size_t bytes, Key key) {
    bytes_.erase(0, bytes);
    return key;
}

std::optional<Key> KeyDecoder::next() {
    for (size_t before = bytes_.size() + 1; bytes_.size() < before;) {
        before = bytes_.size();
        if (std::optional<Key> key = take()) return key;
    }
    return {};
}

std::optional<Key> KeyDecoder::take() {
    if (pasting_) return take_paste();
    if (bytes_.empty()) return {};
    if (bytes_[0] == escape) return take_escape();
    if (!is_control(bytes_[0])) return take_text();
    if (std::optional<Key::Name> name = find(control_keys, std::string_view(bytes_).substr(0, 1)))
        return use(1, {*name});
    bytes_.erase(0, 1);
    return {};
}

std::optional<Key> KeyDecoder::take_paste() {
    size_t end = bytes_.find(paste_ends, searched_);
    if (end == bytes_.npos) {
        searched_ = bytes_.size() - std::min(bytes_.size(), paste_ends.size() - 1);
        return {};
    }
    pasting_ = false;
    std::string content = normalized(std::string_view(bytes_).substr(0, end));
    return use(end + paste_ends.size(), {Key::paste, std::move(content)});
}

std::optional<Key> KeyDecoder::take_escape() {
    if (bytes_.size() == 1) return {};
    if (bytes_[1] == '[' || bytes_[1] == 'O') return take_sequence();
    if (std::optional<Key::Name> name = find(alt_keys, std::string_view(bytes_).substr(1, 1))) return use(2, {*name});
    bytes_.erase(0, 1);
    return {};
}

// Escape [, called CSI, or Escape O, SS3, which is another form for the same keys.
std::optional<Key> KeyDecoder::take_sequence() {
    std::string_view rest = std::string_view(bytes_).substr(2);
    size_t length = 0;  // of the parameters
    while (length < rest.size() && rest[length] >= 0x20 && rest[length] < 0x40) ++length;
    if (length == rest.size() && length < max_sequence) return {};
    bool is_complete = length < rest.size() && rest[length] >= 0x40 && rest[length] < 0x7f;
    std::string_view sequence = rest.substr(0, length + is_complete);
    std::optional<Key::Name> name = find(sequences, sequence);
    std::optional<int> column = reported_column(sequence);
    pasting_ = sequence == "200~";
    searched_ = 0;
    bytes_.erase(0, 2 + sequence.size());
    if (name) return Key{*name};
    if (column) return Key{Key::cursor_report, {}, *column};
    return {};
}

std::optional<Key> KeyDecoder::take_text() {
    auto end = static_cast<size_t>(std::find_if(bytes_.begin(), bytes_.end(), is_control) - bytes_.begin());
    std::string_view typed = std::string_view(bytes_).substr(0, end);
    if (end == bytes_.size()) typed.remove_suffix(incomplete_tail(typed));
    if (typed.empty()) return {};
    std::string content;
    for (size_t at = 0; at < typed.size();) {
        Character c = read_character(typed, at);
        content += c.code == not_unicode ? replacement : typed.substr(at, c.size);
        at += c.size;
    }
    return use(typed.size(), {Key::text, std::move(content)});
}

}  // namespace puna
