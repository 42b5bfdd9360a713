#include "cli/help.h"

#include <fmt/core.h>

#include <algorithm>

namespace puna {

namespace {

constexpr size_t page_width = 120, max_term_width = 34;

struct Section {
    std::string heading;
    std::vector<HelpEntry> entries;
};

// The default in brackets; empty for a text that is empty and a switch that is off.
std::string default_of(const Field& field) {
    std::string value = to_text(field);
    if (field.values.required) return "[required]";
    if (std::holds_alternative<bool*>(field.value)) return value == "true" ? "[on]" : "";
    if (field.values.unset.empty()) return value.empty() ? "" : fmt::format("[{}]", value);
    return value.empty() ? fmt::format("[{}]", field.values.unset)
                         : fmt::format("[{} = {}]", value, field.values.unset);
}

HelpEntry describe(const Field& field) {
    std::string term = flag_name(field.name), word = value_word(field), value = default_of(field);
    if (value == "[on]" && std::holds_alternative<bool*>(field.value)) term = "--[no-]" + term.substr(2);
    if (!word.empty()) term += " " + word;
    return {term, std::string(field.help) + (value.empty() ? "" : " " + value)};
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

std::string layout(const std::vector<Section>& sections) {
    size_t width = 0;
    for (const Section& section : sections)
        for (const HelpEntry& entry : section.entries)
            if (entry.term.size() <= max_term_width) width = std::max(width, entry.term.size());
    std::string out;
    for (const Section& section : sections) {
        out += fmt::format("\n{}:\n", section.heading);
        for (const HelpEntry& entry : section.entries) {
            size_t indent = 2 + width + 2;
            out += entry.term.size() > width ? fmt::format("  {}\n{:{}}", entry.term, "", indent)
                                             : fmt::format("  {:<{}}", entry.term, width + 2);
            out += wrapped(entry.text, indent) + "\n";
        }
    }
    return out;
}

std::vector<Section> sections_of(const HelpPage& page) {
    std::vector<Section> groups;
    Section ungrouped;
    auto section = [&](std::string_view heading) -> Section& {
        if (heading.empty()) return ungrouped;
        auto at = std::find_if(groups.begin(), groups.end(), [&](const Section& s) { return s.heading == heading; });
        return at == groups.end() ? groups.emplace_back(Section{std::string(heading), {}}) : *at;
    };
    for (const Field& field : page.fields) section(field.group).entries.push_back(describe(field));
    ungrouped.entries.push_back({"-h, --help", "print this help"});
    ungrouped.heading = groups.empty() ? "Options" : "General";
    groups.push_back(std::move(ungrouped));
    if (!page.arguments.empty()) groups.insert(groups.begin(), Section{"Arguments", page.arguments});
    return groups;
}

}  // namespace

std::string flag_name(std::string_view field) {
    std::string name = "--" + std::string(field);
    for (char separator : {'_', '.'}) std::replace(name.begin(), name.end(), separator, '-');
    return name;
}

std::string to_text(const HelpPage& page) {
    std::string out = wrapped(page.about, 0) + "\n\nUsage: " + page.usage + "\n" + layout(sections_of(page));
    std::string_view rest = page.examples;
    out += rest.find('\n') == rest.npos ? "\nExample:\n" : "\nExamples:\n";
    while (!rest.empty()) {
        size_t end = std::min(rest.find('\n'), rest.size());
        out += fmt::format("  {}\n", rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

}  // namespace puna
