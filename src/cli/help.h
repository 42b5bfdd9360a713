// cli/help.h — the page that `puna help COMMAND` prints, made from the command's fields.
//
//   HelpPage page{.about = "Continue a text.", .usage = "puna generate MODEL [OPTIONS]", .fields = list_fields(options)};
//   fmt::print("{}", to_text(page));
//
// Lines are wrapped at 120 columns. Fields appear under their groups, in the order of the groups' first fields; those
// without a group come last.
#pragma once
#include "core/fields.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct HelpEntry {
    std::string term, text;  // "--top-p 0..1", "nucleus sampling: ... [0.9]"
};

struct HelpPage {
    std::string_view about;
    std::string usage;
    std::vector<HelpEntry> arguments;
    std::string_view examples;  // one a line
    std::vector<Field> fields;
};

std::string to_text(const HelpPage& page);

std::string flag_name(std::string_view field);  // "--top-p" for "top_p"

}  // namespace puna
