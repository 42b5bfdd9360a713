// chat/jinja/python_str.h — what Python's str does, for templates: letter case, blanks, splitting, repr.
//
//   Text loud = to_upper(text_of("straße"));        // STRASSE
//   TextView word = strip(loud, Side::left);
//
// Every character of a result has the flags (text.h) of the one that it was made of.
#pragma once
#include "chat/jinja/text.h"

#include <optional>
#include <vector>

namespace puna::jinja {

Text to_upper(TextView text);
Text to_lower(TextView text);  // a sigma at the end of a word becomes its final form
Text to_title(TextView text);  // str.title: a letter after none begins a word
Text capitalize(TextView text);
Text swap_case(TextView text);

bool is_blank(char32_t c);  // str.isspace
bool is_digit(char32_t c);
bool is_letter(char32_t c);
bool is_printable(char32_t c);
enum class LetterCase { none, upper, lower, title };
LetterCase case_of(char32_t c);

enum class Side { left, right, both };
TextView strip(TextView text, Side side = Side::both);
TextView strip(TextView text, TextView characters, Side side = Side::both);

constexpr size_t no_limit = static_cast<size_t>(-1);
// At most `most` cuts, from the left or from the right. Without a separator: at runs of blanks. It is not empty.
std::vector<TextView> split(TextView text, std::optional<TextView> separator, size_t most, bool from_right);
std::vector<TextView> split_lines(TextView text, bool keep_ends = false);

size_t count(TextView text, TextView wanted);
Text replace(TextView text, TextView old, TextView replacement, size_t most);

Text repr(TextView text);         // in quotes, as Python shows it
Text escape_html(TextView text);  // &lt; for <, and its like; marked as escaped

}  // namespace puna::jinja
