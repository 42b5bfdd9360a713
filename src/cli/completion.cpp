#include "cli/completion.h"

#include "cli/command.h"
#include "cli/flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

namespace puna {

namespace {

Completion completion_of(std::string_view word) {
    constexpr std::string_view folders[] = {"FOLDER", "RUN"},
                               files[] = {"FILE", "PATH", "INPUT", "OUTPUT", "RECIPE", "TOKENIZER"};
    if (word == "MODEL") return {Completion::models};
    if (word == "NAME") return {Completion::names};
    if (std::find(std::begin(folders), std::end(folders), word) != std::end(folders)) return {Completion::folders};
    if (std::find(std::begin(files), std::end(files), word) != std::end(files)) return {Completion::files};
    Completion choices{Completion::words};
    if (word.find('|') == word.npos) return {};
    while (!word.empty()) {
        choices.list.emplace_back(word.substr(0, word.find('|')));
        word.remove_prefix(std::min(choices.list.back().size() + 1, word.size()));
    }
    return choices;
}

struct Shell {
    std::string_view name;
    std::string (*completion)(const std::vector<HelpPage>& pages);
};
constexpr Shell shells[] = {{"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}};

}  // namespace

Completion completion_of(const HelpArgument& argument) {
    if (argument.choices.empty()) return completion_of(argument.name);
    return {Completion::words, {argument.choices.begin(), argument.choices.end()}};
}

Completion completion_of(const HelpOption& option) {
    return option.word == "NAME" ? Completion() : completion_of(option.word);  // of an encoding, a field, ...
}

std::vector<std::string> flags_of(const HelpPage& page) {
    std::vector<std::string> flags;
    for (const HelpOption& option : page.options) {
        if (!option.short_flag.empty()) flags.push_back(option.short_flag);
        flags.push_back(option.flag);
        if (option.negated) flags.push_back("--no-" + option.flag.substr(2));
    }
    flags.insert(flags.end(), {"-h", "--help"});
    return flags;
}

int run_completion(Arguments arguments) {
    std::string name;
    std::vector<std::string_view> names;
    for (const Shell& shell : shells) names.push_back(shell.name);
    Flags flags("completion",
                "Print a script that completes commands, options, their values, files, folders and names of models "
                "with the Tab key. "
                "Load it in the shell's startup file, as below; cmake --install puts it where shells find it.",
                "source <(puna completion bash)     # in ~/.bashrc\n"
                "source <(puna completion zsh)      # in ~/.zshrc, after compinit\n"
                "puna completion fish | source      # in ~/.config/fish/config.fish");
    flags.positional("SHELL", name, names);
    if (!flags.parse(arguments)) return 0;
    for (const Shell& shell : shells)
        if (shell.name == name) fmt::print("{}", shell.completion(all_pages()));
    return 0;
}

}  // namespace puna
