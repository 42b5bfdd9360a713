// cli/completion.h — completion scripts, written from the pages of all commands (cli/help.h).
//
//   std::string script = bash_completion(all_pages());
//
// They complete commands, options, the values of an option that has a list of them, files, folders and models, by the
// word that help shows for the value: FILE, MODEL, f32|bf16. All but the names of models is in the script; those are
// what `puna list --quiet` prints when they are asked for, in milliseconds.
#pragma once
#include "cli/help.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Completion {
    enum Kind {
        nothing,
        words,
        files,
        folders,
        models,
        names
    };  // files: and folders; models: folders, GGUF files, names
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
