#include "cli/completion.h"

#include "core/shell.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace puna {

namespace {

// _puna_answer COMMAND WHAT prints what may follow: for `-` the options, for an option its values, for a number that
// argument. Bash splits --type=bf16 into three words, and so the name o/n:q8_0 of a model, which is put together again.
constexpr std::string_view functions = R"script(
_puna() {
    local current command= option= argument=1 word name wanted i IFS=$' \t\n'
    local -a words=()
    for ((i = 1; i <= COMP_CWORD; ++i)); do
        if ((i > 2)) && [[ ${COMP_WORDS[i]} == : || ${COMP_WORDS[i - 1]} == : ]]; then
            words[-1]+=${COMP_WORDS[i]}
        else
            words+=("${COMP_WORDS[i]}")
        fi
    done
    current=${words[-1]}
    for word in "${words[@]:0:${#words[@]}-1}"; do
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
        MODEL | NAME)
            # Not with compgen -W, which expands what it lists: names are those of other people's files.
            compopt -o filenames 2>/dev/null
            word=${current%"${current##*:}"}
            while IFS= read -r name; do
                [[ $name == "$current"* ]] && COMPREPLY+=("${name#"$word"}")
            done < <(puna list --quiet 2>/dev/null)
            if [[ $wanted == MODEL ]]; then
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$current"; compgen -f -X '!*.gguf' -- "$current")
            fi ;;
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
        case Completion::models:
            return "MODEL";
        case Completion::names:
            return "NAME";
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
    for (size_t i = 0; i < page.arguments.size(); ++i)  // last: * is also every option
        add(pattern(page.arguments[i].repeated ? "*" : std::to_string(i + 1)),
            answer_of(completion_of(page.arguments[i])));
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
