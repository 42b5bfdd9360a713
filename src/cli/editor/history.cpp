#include "cli/editor/history.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "core/utf8.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

namespace puna {

namespace {

constexpr size_t max_entries = 1000, slack = 100;  // the file is cut when it has `slack` more
constexpr std::string_view first_line = "_HiStOrY_V2_\n";

bool is_octal(char c) { return c >= '0' && c <= '7'; }
char control(char c) { return static_cast<char>(c == '?' ? 0x7f : c & 0x1f); }
char meta(char c) { return static_cast<char>(c | 0x80); }

// The byte that the escape sequence at the beginning of `rest` means, which begins with a backslash and is removed;
// as unvis(3).
char take_escaped(std::string_view& rest) {
    size_t digits = 1;
    while (digits < rest.size() && digits < 4 && is_octal(rest[digits])) ++digits;
    int value = 0;
    for (char digit : rest.substr(1, digits - 1)) value = value * 8 + (digit - '0');
    auto use = [&](size_t size, char byte) {
        rest.remove_prefix(size);
        return byte;
    };
    if (digits > 1) return use(digits, static_cast<char>(value));
    if (rest.starts_with("\\^") && rest.size() > 2) return use(3, control(rest[2]));
    if (rest.starts_with("\\M-") && rest.size() > 3) return use(4, meta(rest[3]));
    if (rest.starts_with("\\M^") && rest.size() > 3) return use(4, meta(control(rest[3])));
    return rest.size() > 1 ? use(2, rest[1]) : use(1, '\\');
}

std::string parse_entry(std::string_view line) {
    std::string bytes, text;
    while (!line.empty()) {
        if (line[0] == '\\') {
            bytes += take_escaped(line);
        } else {
            bytes += line[0];
            line.remove_prefix(1);
        }
    }
    for (size_t at = 0; at < bytes.size();) {
        Character c = read_character(bytes, at);
        if (c.code != 0) text += c.code == not_unicode ? "\xef\xbf\xbd" : std::string_view(bytes).substr(at, c.size);
        at += c.size;
    }
    text.resize(text.find_last_not_of('\n') + 1);  // libedit keeps the newline that ended the input
    return text;
}

std::string read_all(int descriptor) {
    std::string text;
    char part[1 << 14];
    for (ssize_t n; (n = ::read(descriptor, part, sizeof part)) > 0;) text.append(part, static_cast<size_t>(n));
    return text;
}

// Whether all of it was written.
bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        ssize_t n = ::write(descriptor, text.data(), text.size());
        if (n <= 0) return false;
        text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
}

}  // namespace

std::string history_line(std::string_view entry) {
    std::string line;
    for (char c : entry) {
        auto byte = static_cast<unsigned char>(c);
        bool plain = byte > ' ' && byte != 0x7f && c != '\\';
        line += plain ? std::string(1, c) : fmt::format("\\{:03o}", byte);
    }
    return line + "\n";
}

std::vector<std::string> parse_history(std::string_view file) {
    if (file.starts_with(first_line)) file.remove_prefix(first_line.size());
    std::vector<std::string> entries;
    size_t lines = static_cast<size_t>(std::count(file.begin(), file.end(), '\n')) + !file.ends_with('\n');
    for (; !file.empty(); --lines) {
        size_t end = std::min(file.find('\n'), file.size());
        std::string entry = lines <= max_entries ? parse_entry(file.substr(0, end)) : "";
        if (!entry.empty()) entries.push_back(std::move(entry));
        file.remove_prefix(std::min(end + 1, file.size()));
    }
    return entries;
}

History::History(std::filesystem::path file) : file_(std::move(file)) {
    if (file_.empty()) return;
    try {
        make_folder(file_.parent_path());
    } catch (const Error& problem) {
        log_warning("chat history is not saved: {}", problem.what());
        file_.clear();
        return;
    }
    int descriptor = ::open(file_.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        log_warning("chat history is not saved: {}: {}", file_.string(), system_reason(errno));
        file_.clear();
        return;
    }
    entries_ = parse_history(read_all(descriptor));
    ::close(descriptor);
}

void History::add(std::string_view entry) {
    if (!entries_.empty() && entries_.back() == entry) return;
    entries_.emplace_back(entry);
    if (entries_.size() > max_entries) entries_.erase(entries_.begin());
    if (!file_.empty()) append(entry);
}

// A file that cannot be written any more is not worth a message at each prompt.
void History::append(std::string_view entry) const {
    int descriptor = ::open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0) return;
    ::flock(descriptor, LOCK_EX);
    std::string before = read_all(descriptor);
    std::vector<std::string> entries = parse_history(before);
    size_t lines = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    std::string added = history_line(entry);
    if (before.empty()) added.insert(0, first_line);
    if (!before.empty() && !before.ends_with('\n')) added.insert(0, "\n");
    if (lines > max_entries + slack) {
        added = first_line;
        for (const std::string& kept : entries) added += history_line(kept);
        added += history_line(entry);
        if (::ftruncate(descriptor, 0) != 0) added.clear();
    }
    bool is_repeated = !entries.empty() && entries.back() == entry;
    if (!is_repeated) write_all(descriptor, added);
    ::close(descriptor);
}

}  // namespace puna
