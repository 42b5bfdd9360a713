#include "cli/terminal.h"

#include "core/atomic_file.h"
#include "core/console.h"
#include "core/log.h"

#include <fcntl.h>
#include <histedit.h>
#include <sys/file.h>
#include <unistd.h>

#include <langinfo.h>
#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace puna {

namespace {

constexpr int history_lines = 1000;
volatile std::sig_atomic_t interrupt_flag = 0;

void on_interrupt(int) { interrupt_flag = 1; }

// Bracketed paste: the terminal marks where pasted text begins and ends; terminals without support ignore the request.
constexpr const char *bracketed_paste_on = "\x1b[?2004h", *bracketed_paste_off = "\x1b[?2004l",
                     *paste_begins = "\\e[200~";
constexpr std::wstring_view paste_ends = L"\x1b[201~";

// Newlines inside are part of the message; those at the end are not, so that a pasted command is one.
std::wstring normalize_paste(std::wstring lines) {
    std::replace(lines.begin(), lines.end(), L'\r', L'\n');  // terminals send newlines as the Enter key
    std::erase(lines, L'\0');
    lines.resize(lines.find_last_not_of(L'\n') + 1);  // none: npos + 1 is 0
    return lines;
}

}  // namespace

void print_now(std::string_view text) {
    static const bool terminal = prints_to_terminal();  // a closed terminal no longer counts as one
    bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (written) return;
    if (errno == EPIPE || (errno == EIO && terminal)) fail(ErrorKind::closed, "standard output: closed");
    fail(ErrorKind::output, "standard output: cannot write: {}", system_reason(errno));
}

bool prints_to_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool is_terminal() { return ::isatty(STDIN_FILENO) == 1 && prints_to_terminal(); }

std::string without_controls(std::string_view text) {
    std::string safe;
    for (size_t i = 0; i < text.size(); ++i) {
        unsigned char c = static_cast<unsigned char>(text[i]),
                      next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
        bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;  // U+0080 to U+009F
        bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || c1;
        safe += control ? "\xef\xbf\xbd" : std::string(1, text[i]);
        i += c1;
    }
    return safe;
}

std::string dimmed(std::string_view text) {
    return supports_escapes(STDOUT_FILENO) ? fmt::format("\x1b[2m{}\x1b[0m", text) : std::string(text);
}

void note_interrupts() {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;  // restarts interrupted writes
    ::sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return interrupt_flag != 0; }

std::filesystem::path history_file() {
    const char *state = std::getenv("XDG_STATE_HOME"), *home = std::getenv("HOME");
    if (state && *state == '/') return std::filesystem::path(state) / "puna/history";
    if (home && *home == '/') return std::filesystem::path(home) / ".local/state/puna/history";
    return {};
}

struct LineReader::Editor {
    EditLine* line = nullptr;
    History* history = nullptr;
    HistEvent event{};
    std::filesystem::path path;
    std::string prompt;
    bool interrupted = false;

    static Editor& of(EditLine* line) {
        void* self = nullptr;
        el_get(line, EL_CLIENTDATA, &self);
        return *static_cast<Editor*>(self);
    }
    static char* show_prompt(EditLine* line) { return of(line).prompt.data(); }
    static unsigned char cancel_line(EditLine* line, int) {
        of(line).interrupted = true;
        return CC_NEWLINE;
    }
    static unsigned char suspend(EditLine* line, int) {
        of(line).use_terminal(false);
        std::raise(SIGTSTP);
        of(line).use_terminal(true);
        return CC_REDISPLAY;
    }

    static unsigned char paste(EditLine* line, int) {
        std::wstring text;
        while (!text.ends_with(paste_ends)) {
            wchar_t c = 0;
            if (el_wgetc(line, &c) != 1) return CC_EOF;
            text += c;
        }
        text = normalize_paste(text.substr(0, text.size() - paste_ends.size()));
        el_winsertstr(line, text.c_str());
        return CC_REFRESH;
    }

    // Called before the prompt is shown: from then on Ctrl-C and a pasted text arrive as keys.
    void use_terminal(bool typing) {
        el_set(line, EL_PREP_TERM, typing);
        if (!supports_escapes(STDOUT_FILENO)) return;
        std::fputs(typing ? bracketed_paste_on : bracketed_paste_off,
                   stdout);  // not print_now: exceptions must not pass through libedit
        std::fflush(stdout);
    }

    explicit Editor(std::filesystem::path file) : path(std::move(file)) {
        std::setlocale(LC_CTYPE, "");
        if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
        line = el_init("puna", stdin, stdout, stderr);
        history = new_history();
        if (!line || !history) fail("cannot initialize line editing on this terminal");
        if (!supports_escapes(STDOUT_FILENO)) el_set(line, EL_TERMINAL, "dumb");
        el_set(line, EL_CLIENTDATA, this);
        el_set(line, EL_SIGNAL, 1);  // follow terminal resizes
        el_set(line, EL_PROMPT, &show_prompt);
        el_set(line, EL_EDITOR, "emacs");
        el_set(line, EL_HIST, ::history, history);
        el_set(line, EL_ADDFN, "puna-cancel-line", "clear this line", &cancel_line);
        el_set(line, EL_ADDFN, "puna-suspend", "suspend the program", &suspend);
        el_set(line, EL_ADDFN, "puna-paste", "insert pasted text", &paste);
        el_set(line, EL_BIND, paste_begins, "puna-paste", nullptr);
        el_set(line, EL_BIND, "^C", "puna-cancel-line", nullptr);
        el_set(line, EL_BIND, "^Z", "puna-suspend", nullptr);
        el_set(line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
        el_set(line, EL_SETTY, "-d", "-isig", nullptr);  // Ctrl-C and Ctrl-Z are keys at the prompt, not signals
        el_source(line, nullptr);                        // ~/.editrc
        load();
    }
    ~Editor() {
        if (history) history_end(history);
        if (line) el_end(line);
    }

    void load() {
        if (path.empty()) return;
        try {
            make_folder(path.parent_path());
        } catch (const Error& problem) {
            log_warning("chat history is not saved: {}", problem.what());
            path.clear();
            return;
        }
        int descriptor =
            ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);  // libedit itself would use the umask
        if (descriptor >= 0) ::close(descriptor);
        ::history(history, &event, H_LOAD, path.c_str());
    }

    static History* new_history() {
        History* created = history_init();
        HistEvent ignored{};
        if (created) ::history(created, &ignored, H_SETSIZE, history_lines);
        if (created) ::history(created, &ignored, H_SETUNIQUE, 1);
        return created;
    }

    // Rereads the file first: other chats append to it too.
    void remember(const char* text) {
        ::history(history, &event, H_ENTER, text);
        int descriptor = path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) return;
        ::flock(descriptor, LOCK_EX);
        if (History* all = new_history()) {
            HistEvent ignored{};
            ::history(all, &ignored, H_LOAD, path.c_str());
            ::history(all, &ignored, H_ENTER, text);
            ::history(all, &ignored, H_SAVE, path.c_str());
            history_end(all);
        }
        ::close(descriptor);
    }
};

LineReader::LineReader(std::filesystem::path history) {
    if (is_terminal()) editor_ = std::make_unique<Editor>(std::move(history));
}

LineReader::~LineReader() = default;

Line LineReader::read(const std::string& prompt) {
    interrupt_flag = 0;
    if (!editor_) {
        std::string content;
        if (!std::getline(std::cin, content)) return {Line::end, {}};
        if (content.ends_with('\r')) content.pop_back();  // Windows line ends
        return {Line::text, std::move(content)};
    }
    editor_->prompt = prompt;
    editor_->interrupted = false;
    editor_->use_terminal(true);
    int n = 0;
    const char* typed = el_gets(editor_->line, &n);
    editor_->use_terminal(false);
    if (editor_->interrupted) {
        print_now("\n");
        return {Line::interrupted, {}};
    }
    if (!typed || n <= 0) {
        print_now("\n");  // the next output begins on its own line
        return {Line::end, {}};
    }
    std::string content(typed, static_cast<size_t>(n));
    if (content.find_first_not_of(" \t\n") != content.npos) editor_->remember(content.c_str());
    if (content.ends_with('\n')) content.pop_back();
    return {Line::text, std::move(content)};
}

bool MessageLines::add(std::string_view line) {
    constexpr std::string_view quotes = "\"\"\"";
    bool first = !open_;
    open_ = true;
    plain_ = false;
    bool pasted = line.find('\n') != line.npos;
    if (first && !pasted && line.starts_with(quotes)) {
        block_ = true;
        line.remove_prefix(quotes.size());
    }
    std::string_view mark = block_ ? quotes : "\\";
    bool marked = !pasted && line.ends_with(mark);
    if (marked) line.remove_suffix(mark.size());
    text_ += line;
    bool complete = block_ == marked;  // a mark ends a block, but continues anything else
    if (!complete && !(block_ && text_.empty() && first)) text_ += '\n';
    plain_ = complete && first && !block_ && !pasted;
    return complete;
}

std::string MessageLines::take() {
    open_ = block_ = plain_ = false;
    return std::exchange(text_, {});
}

}  // namespace puna
