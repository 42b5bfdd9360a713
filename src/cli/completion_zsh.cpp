#include "cli/completion.h"

#include "core/shell.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace puna {

namespace {

// A function for each command, as _puna-data-pack. The file works both in $fpath and sourced.
constexpr std::string_view functions = R"script(
_puna-names() {
    local -a names=(${(f)"$(puna list --quiet 2>/dev/null)"})
    compadd -a names
}

_puna-models() {
    _puna-names
    _files -g '*.gguf'
}

_puna() {
    local function=_puna-program
    [[ $words[2] == help ]] && (( CURRENT > 2 )) && { shift words; (( --CURRENT )) }
    while (( CURRENT > 2 && $+functions[${function/-program/}-$words[2]] )); do
        function=${function/-program/}-$words[2]
        shift words
        (( --CURRENT ))
    done
    $function
}

if [[ $funcstack[1] == _puna ]]; then _puna "$@"; else compdef _puna puna; fi
)script";

// _arguments and _describe give these characters a meaning of their own.
std::string escaped(std::string_view text, std::string_view special) {
    std::string out;
    for (char c : text) out += (special.find(c) != special.npos ? "\\" : "") + std::string(1, c);
    return out;
}

std::string action_of(const Completion& completion) {
    switch (completion.kind) {
        case Completion::nothing:
            return " ";
        case Completion::words:
            return fmt::format("({})", fmt::join(completion.list, " "));
        case Completion::files:
            return "_files";
        case Completion::folders:
            return "_directories";
        case Completion::models:
            return "_puna-models";
        case Completion::names:
            return "_puna-names";
    }
    return "";
}

std::string list_function(const HelpPage& page) {
    std::string list;
    for (const HelpEntry& command : page.commands)
        list += "\n        " + quote_shell(escaped(command.term, ":") + ":" + escaped(command.text, ":"));
    if (page.command.empty()) list += "\n        'help:show the help of a command'";
    return fmt::format("    local -a commands=({})\n    _describe -t commands command commands", list);
}

std::string arguments_function(const HelpPage& page) {
    std::string specs;
    auto add = [&specs](const std::string& spec) { specs += " \\\n        " + quote_shell(spec); };
    for (const HelpOption& option : page.options) {
        std::string text = "[" + escaped(option.text, "[]:\\") + "]";
        std::string value = option.word.empty()
                                ? ""
                                : fmt::format(":{}:{}", escaped(option.word, ":"), action_of(completion_of(option)));
        bool has_value = !value.empty(), has_letter = !option.short_flag.empty();
        if (has_letter)  // each of the two excludes the other
            add(fmt::format("({}){}{}{}{}", option.flag, option.short_flag, has_value ? "+" : "", text, value));
        add(fmt::format("{}{}{}{}{}", has_letter ? "(" + option.short_flag + ")" : "", option.flag,
                        has_value ? "=" : "", text, value));
        if (option.negated) add("--no-" + option.flag.substr(2) + text);
    }
    for (const char* help : {"-h", "--help"}) add(fmt::format("(- *){}[print this help]", help));
    for (size_t i = 0; i < page.arguments.size(); ++i) {
        const HelpArgument& a = page.arguments[i];
        std::string place = a.repeated ? "*" : std::to_string(i + 1) + (a.required ? "" : ":");
        add(fmt::format("{}:{}:{}", place, a.name, action_of(completion_of(a))));
    }
    return "    _arguments -S" + specs;
}

std::string function_of(const HelpPage& page) {
    std::string name = page.command.empty() ? "program" : page.command;
    std::replace(name.begin(), name.end(), ' ', '-');
    return fmt::format("_puna-{}() {{\n{}\n}}\n", name,
                       page.commands.empty() ? arguments_function(page) : list_function(page));
}

}  // namespace

std::string zsh_completion(const std::vector<HelpPage>& pages) {
    std::string out = "#compdef puna\n# zsh completion for puna, written by `puna completion zsh`\n\n";
    for (const HelpPage& page : pages) out += function_of(page);
    return out + std::string(functions);
}

}  // namespace puna
