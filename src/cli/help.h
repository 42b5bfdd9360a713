// cli/help.h — what a command declares: the page of `puna help COMMAND`. The manual page (cli/man.cpp) and shell
// completion (cli/completion.h) are made from the same pages.
//
//   for (const HelpPage& page : all_pages()) fmt::print("{}", to_text(page));
//
// Lines are wrapped at 120 columns. Options appear under their groups, in the order of the groups' first options; those
// without a group come last, with --help, which every command has.
#pragma once
#include "cli/command.h"
#include "core/fields.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

inline constexpr std::string_view program_about = "train, fine-tune, evaluate and chat with Llama 3 models";

struct HelpEntry {
    std::string term, text;  // "-n, --max-tokens", "maximum number of ... [0 = ...]"
    std::string word = {};   // of an option with a value: "N"
};

struct HelpArgument {
    std::string name, text;  // "MODEL", "folder in Hugging Face's ..."
    std::vector<std::string_view> choices = {};
    bool required = true, repeated = false;
    std::vector<std::string_view> choice_texts = {};  // what each choice is, for a list; empty: `text` says it
};

struct HelpOption {
    std::string flag, word;      // "--top-p", and its value as core/fields.h's value_word; empty: a switch
    std::string text, standard;  // "nucleus sampling: ..."; the default, as "[0.9]", empty where there is none
    std::string short_flag;      // "-n"; empty: it has none
    std::string_view group = {};
    bool negated = false;  // a switch that is on: --no-... turns it off
};

struct HelpPage {
    std::string command;  // "data pack"; empty: the program itself
    std::string about;    // sentences
    std::vector<HelpArgument> arguments = {};
    std::vector<HelpOption> options = {};
    std::string_view examples = {};        // one a line
    std::vector<HelpEntry> commands = {};  // of the program, and of a command that has subcommands
};

// Options under a heading.
struct HelpGroup {
    std::string heading;
    std::vector<HelpEntry> entries;
};

HelpOption help_option(const Field& field);
HelpPage list_page(std::span<const Command> commands, std::string_view parent, std::string_view about);
std::vector<HelpPage> all_pages();  // of the program and of its commands, in the order of the table

std::string usage_of(const HelpPage& page);              // "puna data pack INPUT... [OPTIONS]"
std::vector<HelpGroup> groups_of(const HelpPage& page);  // its arguments and options
std::vector<std::string_view> lines_of(std::string_view text);
std::string to_text(const HelpPage& page);

void show(const HelpPage& page);  // prints it; within all_pages(): adds it to these instead

std::string flag_name(std::string_view field);   // "--top-p" for "top_p"
std::string short_flag(std::string_view field);  // "-n" for "max_tokens"; empty: it has none

}  // namespace puna
