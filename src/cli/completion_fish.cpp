#include "cli/completion.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace puna {

namespace {

// __puna_runs data pack: the words after puna begin with these. __puna_lacks data: they are only these so far.
constexpr std::string_view functions = R"script(
function __puna_words
    set -l words (commandline -opc)[2..]
    test "$words[1]" = help; and set words $words[2..]
    string match --invert -- '-*' $words
end
function __puna_runs
    set -l words (__puna_words)
    set -l length (count $argv)
    test "$words[1..$length]" = "$argv"
end
function __puna_lacks
    set -l words (__puna_words)
    test "$words" = "$argv"
end
function __puna_models
    puna list --quiet 2>/dev/null
end
function __puna_gguf_files
    set -l files (commandline -ct)*.gguf
    printf '%s\n' $files
end
complete -c puna -f
)script";

std::string in_quotes(std::string_view text) {
    std::string out = "'";
    for (char c : text) out += (c == '\'' || c == '\\' ? "\\" : "") + std::string(1, c);
    return out + "'";
}

std::string values_of(const Completion& completion) {
    switch (completion.kind) {
        case Completion::nothing:
            return " -f";
        case Completion::words:
            return " -f -a " + in_quotes(fmt::format("{}", fmt::join(completion.list, " ")));
        case Completion::files:
            return " -F";
        case Completion::folders:
            return " -f -a '(__fish_complete_directories (commandline -ct))'";
        case Completion::models:
            return " -f -a '(__puna_models) (__fish_complete_directories (commandline -ct)) (__puna_gguf_files)'";
        case Completion::names:
            return " -f -a '(__puna_models)'";
    }
    return "";
}

std::string lines_for(const HelpPage& page) {
    std::string out, runs = fmt::format("complete -c puna -n {}", in_quotes("__puna_runs " + page.command)),
                     lacks = fmt::format("complete -c puna -n {}", in_quotes("__puna_lacks " + page.command));
    for (const HelpEntry& command : page.commands)
        out += fmt::format("{} -a {} -d {}\n", lacks, command.term, in_quotes(command.text));
    if (page.command.empty()) out += fmt::format("{} -a help -d 'show the help of a command'\n", lacks);
    for (const HelpOption& option : page.options) {
        std::string value = option.word.empty() ? "" : " -r" + values_of(completion_of(option));
        std::string letter = option.short_flag.empty() ? "" : " -s " + option.short_flag.substr(1);
        out += fmt::format("{}{} -l {}{} -d {}\n", runs, letter, option.flag.substr(2), value, in_quotes(option.text));
        if (option.negated)
            out += fmt::format("{} -l no-{} -d {}\n", runs, option.flag.substr(2), in_quotes(option.text));
    }
    out += fmt::format("{} -s h -l help -d 'print this help'\n", page.commands.empty() ? runs : lacks);
    std::string earlier;  // any of the command's arguments: fish does not count them
    for (const HelpArgument& argument : page.arguments) {
        Completion completion = completion_of(argument);
        std::string values = values_of(completion);
        if (completion.kind == Completion::nothing || earlier.find(values) != earlier.npos) continue;
        out += runs + values + "\n";
        earlier += values;
    }
    return out;
}

}  // namespace

std::string fish_completion(const std::vector<HelpPage>& pages) {
    std::string out = "# fish completion for puna, written by `puna completion fish`\n" + std::string(functions);
    for (const HelpPage& page : pages) out += lines_for(page);
    return out;
}

}  // namespace puna
