// chat/jinja/python_str.h — the functions behind Python's str methods: case, whitespace, splitting, repr.
//
//   Text loud = to_upper(text_of("straße"));        // STRASSE
//   TextView word = strip(loud, Side::left);
//
// Each character of a result has the flags (chat/jinja/text.h) of the one that it was made of. Case, digits and
// printability follow Python 3.11's Unicode 14.0 (case_tables.h).
#pragma once
#include "chat/jinja/text.h"

#include <optional>
#include <vector>

namespace puna::jinja {

Text to_upper(TextView text);
Text to_lower(TextView text);  // a sigma at the end of a word becomes its final form
Text to_title(TextView text);  // str.title: a letter after a character without case begins a word
Text capitalize(TextView text);
Text swap_case(TextView text);

bool is_space(char32_t c);      // str.isspace
bool is_digit(char32_t c);      // str.isdigit
bool is_letter(char32_t c);     // str.isalpha
bool is_number(char32_t c);     // what str.isalnum takes beside letters
bool is_printable(char32_t c);  // str.isprintable
enum class LetterCase { none, upper, lower, title };
LetterCase case_of(char32_t c);

enum class Side { left, right, both };
TextView strip(TextView text, Side side = Side::both);  // whitespace
TextView strip(TextView text, TextView characters, Side side = Side::both);

constexpr size_t no_limit = static_cast<size_t>(-1);
// At most max_splits splits, from the left or from the right; without a separator at runs of whitespace. A separator
// must not be empty.
std::vector<TextView> split(TextView text, std::optional<TextView> separator, size_t max_splits, bool from_right);
std::vector<TextView> split_lines(TextView text, bool keep_ends = false);

size_t count(TextView text, TextView wanted);
Text replace(TextView text, TextView old, TextView replacement, size_t max_count);

Text repr(TextView text);         // in quotes, with escapes
Text escape_html(TextView text);  // markupsafe.escape: &lt; for < and the like; the result is marked as escaped

}  // namespace puna::jinja
