#include "cli/command.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/version.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

namespace puna {

namespace {

constexpr std::string_view general = R"(.SH FILES
.TP
.I \(ti/.local/state/puna/history
What was typed in chats, readable by its owner only;
.B XDG_STATE_HOME
moves it.
.SH ENVIRONMENT
.TP
.B PUNA_KERNELS
The kernels to use, as
.BR avx2 ,
.B scalar
or
.BR avx512,\-bf16 ,
instead of the fastest that the machine has.
.TP
.B NO_COLOR
If not empty, no colors and no escape sequences are printed.
.SH EXIT STATUS
0: success, 1: failure, 2: wrong usage.
A failure is one line on standard error.
)";

// Text in roff: a backslash, a hyphen that is one, and a line that would begin with a control character.
std::string roff(std::string_view text) {
    std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
    for (char c : text) out += c == '\\' ? "\\e" : c == '-' ? "\\-" : c == '~' ? "\\(ti" : std::string(1, c);
    return out;
}

std::string heading_of(std::string_view macro, std::string_view text) {
    return fmt::format(".{} {}\n", macro, roff(text));
}

std::string group_text(const HelpGroup& group) {
    std::string out = fmt::format(".PP\n.B {}\n", roff(group.heading));
    for (const HelpEntry& entry : group.entries)
        out += fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", roff(entry.term),
                           entry.word.empty() ? "" : fmt::format(" \\fI{}\\fR", roff(entry.word)), roff(entry.text));
    return out;
}

std::string command_text(const HelpPage& page) {
    std::string out = heading_of("SS", usage_of(page)) + roff(page.about) + "\n";
    if (!page.commands.empty()) return out;
    for (const HelpGroup& group : groups_of(page)) out += group_text(group);
    out += ".PP\n.B Examples\n.PP\n.nf\n.RS\n";
    for (std::string_view line : lines_of(page.examples)) out += roff(line) + "\n";
    return out + ".RE\n.fi\n";
}

std::string man_page() {
    std::vector<HelpPage> pages = all_pages();
    std::string out =
        fmt::format(".TH PUNA 1 \"{}\" \"{}\" \"User Commands\"\n", commit_date, roff("puna " + version_name()));
    out += ".SH NAME\npuna \\- " + roff(program_about) + "\n.SH SYNOPSIS\n.B puna\n.I COMMAND\n[\\fIARGUMENTS\\fR]\n";
    out += ".SH DESCRIPTION\n" + roff(pages[0].about) +
           "\nEach command has this help: \\fBpuna help\\fR \\fICOMMAND\\fR.\n";
    out += "Results go to standard output, progress and messages to standard error.\n";
    for (const HelpEntry& command : pages[0].commands)
        out += fmt::format(".TP\n.B {}\n{}\n", roff(command.term), roff(command.text));
    out += ".SH COMMANDS\n";
    for (size_t i = 1; i < pages.size(); ++i) out += command_text(pages[i]);
    return out + std::string(general);
}

}  // namespace

int run_man(Arguments arguments) {
    Flags flags("man", "Print the manual page, in roff. cmake --install puts it where man finds it.",
                "puna man | man -l -\npuna man > ~/.local/share/man/man1/puna.1");
    if (!flags.parse(arguments)) return 0;
    fmt::print("{}", man_page());
    return 0;
}

}  // namespace puna
