#include "cli/help.h"

#include "cli/terminal.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <iterator>

namespace puna {

namespace {

constexpr size_t page_width = 120, max_term_width = 34;

// A letter means the same flag in every command; llama.cpp's where it has one. --force has none: in llama.cpp -f is
// a file to read, and what overwrites is worth its name.
struct ShortFlag {
    char letter;
    std::string_view field;
};
constexpr ShortFlag short_flags[] = {
    {'c', "context"}, {'n', "max_tokens"}, {'o', "output"}, {'q', "quiet"},
    {'s', "seed"},    {'t', "threads"},    {'y', "yes"},
};
static_assert(std::adjacent_find(std::begin(short_flags), std::end(short_flags),
                                 [](ShortFlag a, ShortFlag b) { return a.letter >= b.letter; }) ==
                  std::end(short_flags),
              "each letter once, in alphabetical order");

std::vector<HelpPage>* collected = nullptr;  // where show() puts a page, within all_pages()

// The default in brackets; empty for a text that is empty and a switch that is off.
std::string default_of(const Field& field) {
    std::string value = to_text(field);
    if (field.values.required) return "[required]";
    if (std::holds_alternative<bool*>(field.value)) return value == "true" ? "[on]" : "";
    if (field.values.unset.empty()) return value.empty() ? "" : fmt::format("[{}]", value);
    return value.empty() ? fmt::format("[{}]", field.values.unset)
                         : fmt::format("[{} = {}]", value, field.values.unset);
}

// Breaks at spaces; the lines after the first are indented.
std::string wrapped(std::string_view text, size_t indent) {
    std::string out;
    size_t column = indent;
    while (!text.empty()) {
        size_t length = std::min(text.find(' '), text.size());
        if (column > indent && column + 1 + length > page_width) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += text.substr(0, length);
        column += length;
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return out;
}

// Long flags are aligned, whether they have a short one or not.
std::string aligned_term(const HelpEntry& entry) {
    return (entry.term.starts_with("--") ? "    " : "") + entry.term + (entry.word.empty() ? "" : " " + entry.word);
}

std::string layout(const std::vector<HelpGroup>& groups) {
    size_t width = 0;
    for (const HelpGroup& group : groups)
        for (const HelpEntry& entry : group.entries)
            if (size_t size = aligned_term(entry).size(); size <= max_term_width) width = std::max(width, size);
    std::string out;
    for (const HelpGroup& group : groups) {
        out += fmt::format("\n{}:\n", group.heading);
        for (const HelpEntry& entry : group.entries) {
            size_t indent = 2 + width + 2;
            std::string term = aligned_term(entry);
            out += term.size() > width ? fmt::format("  {}\n{:{}}", term, "", indent)
                                       : fmt::format("  {:<{}}", term, width + 2);
            out += wrapped(entry.text, indent) + "\n";
        }
    }
    return out;
}

HelpEntry entry_of(const HelpOption& option) {
    std::string term = option.short_flag.empty() ? "" : option.short_flag + ", ";
    term += option.negated ? "--[no-]" + option.flag.substr(2) : option.flag;
    return {term, option.text + (option.standard.empty() ? "" : " " + option.standard), option.word};
}

// "TYPE" -> "Values of TYPE".
HelpGroup choices_of(const HelpArgument& argument) {
    HelpGroup group{"Values of " + argument.name, {}};
    for (size_t i = 0; i < argument.choices.size(); ++i)
        group.entries.push_back({std::string(argument.choices[i]), std::string(argument.choice_texts[i])});
    return group;
}

std::string list_text(const HelpPage& page) {
    std::string name = page.command.empty() ? "puna" : "puna " + page.command, out;
    size_t width = 0;
    for (const HelpEntry& command : page.commands) width = std::max(width, command.term.size());
    for (const HelpEntry& command : page.commands)
        out += fmt::format("  {} {:<{}}{}\n", name, command.term, width + 2, command.text);
    return fmt::format("{}\n\nUsage: {}\n\n{}\nRun 'puna help {}COMMAND' for details.{}\n", page.about, usage_of(page),
                       out, page.command.empty() ? "" : page.command + " ",
                       page.command.empty() ? " Exit codes: 0 success, 1 failure, 2 wrong usage." : "");
}

// "measure speed" -> "Measure speed."
std::string sentence(std::string_view text) {
    std::string out(text);
    out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
    return out + ".";
}

void collect(std::span<const Command> commands) {
    const std::vector<std::string> help{"--help"};
    for (const Command& command : commands) {
        if (command.run) {
            command.run(help);
            continue;
        }
        show(list_page(command.subcommands(), command.name, command.about));
        collect(command.subcommands());
    }
}

}  // namespace

HelpOption help_option(const Field& field) {
    std::string standard = default_of(field);
    bool is_on = standard == "[on]" && std::holds_alternative<bool*>(field.value);
    return {.flag = flag_name(field.name),
            .word = value_word(field),
            .text = std::string(field.help),
            .standard = standard,
            .short_flag = short_flag(field.name),
            .group = field.group,
            .negated = is_on};
}

HelpPage list_page(std::span<const Command> commands, std::string_view parent, std::string_view about) {
    HelpPage page{.command = std::string(parent), .about = sentence(about)};
    for (const Command& command : commands)
        page.commands.push_back({std::string(command.name), std::string(command.about)});
    return page;
}

std::vector<HelpPage> all_pages() {
    std::vector<HelpPage> pages{list_page(commands(), "", program_about)};
    collected = &pages;
    collect(commands());
    collected = nullptr;
    return pages;
}

void show(const HelpPage& page) {
    if (collected)
        collected->push_back(page);
    else
        print_now(to_text(page));
}

std::string usage_of(const HelpPage& page) {
    std::string usage = page.command.empty() ? "puna" : "puna " + page.command;
    if (!page.commands.empty()) return usage + " COMMAND ...";
    for (const HelpArgument& argument : page.arguments) {
        std::string name = argument.name + (argument.repeated ? "..." : "");
        usage += argument.required ? " " + name : " [" + name + "]";
    }
    return usage + " [OPTIONS]";
}

std::vector<HelpGroup> groups_of(const HelpPage& page) {
    std::vector<HelpGroup> groups;
    HelpGroup ungrouped;
    auto group = [&](std::string_view heading) -> HelpGroup& {
        if (heading.empty()) return ungrouped;
        auto at = std::find_if(groups.begin(), groups.end(), [&](const HelpGroup& g) { return g.heading == heading; });
        return at == groups.end() ? groups.emplace_back(HelpGroup{std::string(heading), {}}) : *at;
    };
    for (const HelpOption& option : page.options) group(option.group).entries.push_back(entry_of(option));
    ungrouped.entries.push_back({"-h, --help", "print this help"});
    ungrouped.heading = groups.empty() ? "Options" : "General";
    groups.push_back(std::move(ungrouped));
    HelpGroup arguments{"Arguments", {}};
    for (const HelpArgument& a : page.arguments)
        arguments.entries.push_back({a.name + (a.repeated ? "..." : ""), a.text});
    std::vector<HelpGroup> first;
    if (!page.arguments.empty()) first.push_back(std::move(arguments));
    for (const HelpArgument& a : page.arguments)
        if (!a.choice_texts.empty()) first.push_back(choices_of(a));
    groups.insert(groups.begin(), std::make_move_iterator(first.begin()), std::make_move_iterator(first.end()));
    return groups;
}

std::string flag_name(std::string_view field) {
    std::string name = "--" + std::string(field);
    for (char separator : {'_', '.'}) std::replace(name.begin(), name.end(), separator, '-');
    return name;
}

std::string short_flag(std::string_view field) {
    for (const ShortFlag& flag : short_flags)
        if (flag.field == field) return {'-', flag.letter};
    return {};
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        lines.push_back(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(lines.back().size() + 1, text.size()));
    }
    return lines;
}

std::string to_text(const HelpPage& page) {
    if (!page.commands.empty()) return list_text(page);
    std::string out =
        fmt::format("{}\n\nUsage: {}\n{}", wrapped(page.about, 0), usage_of(page), layout(groups_of(page)));
    std::vector<std::string_view> examples = lines_of(page.examples);
    out += examples.size() == 1 ? "\nExample:\n" : "\nExamples:\n";
    for (std::string_view example : examples) out += fmt::format("  {}\n", example);
    return out;
}

}  // namespace puna
