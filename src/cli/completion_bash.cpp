#include "cli/completion.h"

#include "core/shell.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace puna {

namespace {

// _puna_answer COMMAND WHAT prints what may follow: for `-` the options, for an option its values, for a number that
// argument. Bash splits --type=bf16 into three words.
constexpr std::string_view functions = R"script(
_puna() {
    local current=${COMP_WORDS[COMP_CWORD]} command= option= argument=1 word wanted i
    for ((i = 1; i < COMP_CWORD; ++i)); do
        word=${COMP_WORDS[i]}
        if [[ $word == = ]]; then
            option=${option:-=}
        elif [[ $option ]]; then
            option=
        elif [[ $word == -* ]]; then
            [[ $(_puna_answer "$command" "$word") ]] && option=$word
        elif [[ $argument == 1 && $(_puna_answer "${command:+$command }$word" -) ]]; then
            command=${command:+$command }$word
        elif [[ $command || $word != help ]]; then
            ((++argument))
        fi
    done
    if [[ $option ]]; then
        [[ $current == = ]] && current=
        wanted=$(_puna_answer "$command" "$option")
    elif [[ $current == -* ]]; then
        wanted=$(_puna_answer "$command" -)
    else
        wanted=$(_puna_answer "$command" "$argument")
    fi
    case $wanted in
        FILE | FOLDER)
            compopt -o filenames 2>/dev/null
            [[ $wanted == FILE ]] && option=-f || option=-d
            mapfile -t COMPREPLY < <(compgen "$option" -- "$current") ;;
        -) COMPREPLY=() ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$wanted" -- "$current") ;;
    esac
}
complete -F _puna puna
)script";

std::string answer_of(const Completion& completion) {
    switch (completion.kind) {
        case Completion::nothing:
            return "-";
        case Completion::words:
            return fmt::format("{}", fmt::join(completion.list, " "));
        case Completion::files:
            return "FILE";
        case Completion::folders:
            return "FOLDER";
    }
    return "";
}

std::string cases_of(const HelpPage& page) {
    std::string out, commands, free;  // free: options whose values cannot be completed
    auto pattern = [&](std::string_view what) { return fmt::format("{}{}", quote_shell(page.command + ":"), what); };
    auto add = [&](std::string_view patterns, std::string_view answer) {
        out += fmt::format("        {}) echo {} ;;\n", patterns, quote_shell(answer));
    };
    add(pattern("-"), fmt::format("{}", fmt::join(flags_of(page), " ")));
    for (const HelpEntry& command : page.commands) commands += (commands.empty() ? "" : " ") + command.term;
    if (page.command.empty()) commands += " help";
    if (!commands.empty()) add(pattern("1"), commands);
    for (size_t i = 0; i < page.arguments.size(); ++i)
        add(pattern(page.arguments[i].repeated ? "*" : std::to_string(i + 1)),
            answer_of(completion_of(page.arguments[i])));
    for (const HelpOption& option : page.options) {
        Completion completion = completion_of(option);
        std::string patterns = pattern(option.flag);
        if (!option.short_flag.empty()) patterns += " | " + pattern(option.short_flag);
        if (completion.kind != Completion::nothing)
            add(patterns, answer_of(completion));
        else if (!option.word.empty())
            free += (free.empty() ? "" : " | ") + patterns;
    }
    if (!free.empty()) add(free, "-");
    return out;
}

}  // namespace

std::string bash_completion(const std::vector<HelpPage>& pages) {
    std::string cases;
    for (const HelpPage& page : pages) cases += cases_of(page);
    return fmt::format(
        "# bash completion for puna, written by `puna completion bash`\n\n"
        "_puna_answer() {{\n    case $1:$2 in\n{}    esac\n}}\n{}",
        cases, functions);
}

}  // namespace puna
