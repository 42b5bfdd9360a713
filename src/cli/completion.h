// cli/completion.h — completion scripts, written from the pages of all commands (cli/help.h).
//
//   std::string script = bash_completion(all_pages());
//
// They complete commands, options, the values of an option that has a list of them, and files and folders, by the word
// that help shows for the value: FILE, MODEL, f32|bf16. Everything is in the script: a shell runs the program only
// once.
#pragma once
#include "cli/help.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Completion {
    enum Kind { nothing, words, files, folders };  // files: and folders
    Kind kind = nothing;
    std::vector<std::string> list = {};  // of words
};

Completion completion_of(const HelpArgument& argument);
Completion completion_of(const HelpOption& option);

std::vector<std::string> flags_of(const HelpPage& page);  // every spelling to offer: "-n", "--no-tied", "-h"

std::string bash_completion(const std::vector<HelpPage>& pages);
std::string zsh_completion(const std::vector<HelpPage>& pages);
std::string fish_completion(const std::vector<HelpPage>& pages);

}  // namespace puna
