#include "chat/jinja/python_str.h"

#include "chat/jinja/case_tables.h"
#include "tokenizer/unicode.h"

#include <fmt/core.h>

#include <algorithm>

namespace puna::jinja {

namespace {

bool is_in(std::span<const CodeRange> ranges, char32_t c) {
    const auto* at = std::upper_bound(ranges.data(), ranges.data() + ranges.size(), code_of(c),
                                      [](char32_t code, const CodeRange& range) { return code < range.first; });
    return at != ranges.data() && code_of(c) <= at[-1].last;
}

struct Mapping {
    std::span<const CaseRun> runs;
    std::span<const CaseText> texts;
};

void append_mapped(Text& out, char32_t c, const Mapping& mapping) {
    char32_t code = code_of(c), flags = c & flag_bits;
    const auto* run = std::upper_bound(mapping.runs.data(), mapping.runs.data() + mapping.runs.size(), code,
                                       [](char32_t wanted, const CaseRun& other) { return wanted < other.first; });
    if (run != mapping.runs.data() && code <= run[-1].last && (code - run[-1].first) % run[-1].step == 0) {
        out.push_back(static_cast<char32_t>(static_cast<int64_t>(code) + run[-1].delta) | flags);
        return;
    }
    const auto* several = std::find_if(mapping.texts.data(), mapping.texts.data() + mapping.texts.size(),
                                       [code](const CaseText& other) { return other.code == code; });
    if (code < 0x80 || several == mapping.texts.data() + mapping.texts.size()) {
        out.push_back(c);
        return;
    }
    for (const char32_t* at = several->text; *at; ++at) out.push_back(*at | flags);
}

constexpr char32_t sigma = 0x3a3, small_sigma = 0x3c3, final_sigma = 0x3c2;

bool is_cased(char32_t c) { return is_in(cased_ranges, c); }

// A sigma is final after a cased letter and not before one, ignoring case-ignorable characters in between.
bool is_final_sigma(TextView text, size_t at) {
    size_t before = at, after = at + 1;
    while (before > 0 && is_in(case_ignorable_ranges, text[before - 1])) --before;
    if (before == 0 || !is_cased(text[before - 1])) return false;
    while (after < text.size() && is_in(case_ignorable_ranges, text[after])) ++after;
    return after == text.size() || !is_cased(text[after]);
}

void append_lower(Text& out, TextView text, size_t at) {
    if (code_of(text[at]) == sigma)
        out.push_back((is_final_sigma(text, at) ? final_sigma : small_sigma) | (text[at] & flag_bits));
    else
        append_mapped(out, text[at], {lower_runs, lower_texts});
}

void append_upper(Text& out, char32_t c) { append_mapped(out, c, {upper_runs, upper_texts}); }
void append_title(Text& out, char32_t c) { append_mapped(out, c, {title_runs, title_texts}); }

// The position of the first or last whitespace character; npos if there is none.
size_t find_space(TextView text, bool last) {
    auto at = last ? static_cast<size_t>(std::find_if(text.rbegin(), text.rend(), is_space).base() - text.begin())
                   : static_cast<size_t>(std::find_if(text.begin(), text.end(), is_space) - text.begin());
    if (last) return at == 0 ? TextView::npos : at - 1;
    return at == text.size() ? TextView::npos : at;
}

std::vector<TextView> split_whitespace(TextView text, size_t max_splits, bool from_right) {
    std::vector<TextView> parts;
    Side near = from_right ? Side::right : Side::left;
    for (TextView rest = strip(text, near); !rest.empty(); rest = strip(rest, near)) {
        size_t cut = parts.size() == max_splits ? TextView::npos : find_space(rest, from_right);
        if (cut == TextView::npos) {
            parts.push_back(rest);
            break;
        }
        parts.push_back(from_right ? rest.substr(cut + 1) : rest.substr(0, cut));
        rest = from_right ? rest.substr(0, cut) : rest.substr(cut);
    }
    if (from_right) std::reverse(parts.begin(), parts.end());
    return parts;
}

bool ends_line(char32_t c) {
    char32_t code = code_of(c);
    return (code >= 0xa && code <= 0xd) || (code >= 0x1c && code <= 0x1e) || code == 0x85 || code == 0x2028 ||
           code == 0x2029;
}

// \n, \r, \t, \x1b, \u200b or \U000e0001.
std::string backslash_escape(char32_t code) {
    if (code == '\n') return "\\n";
    if (code == '\r') return "\\r";
    if (code == '\t') return "\\t";
    auto number = static_cast<uint32_t>(code);
    if (code < 0x100) return fmt::format("\\x{:02x}", number);
    return code < 0x10000 ? fmt::format("\\u{:04x}", number) : fmt::format("\\U{:08x}", number);
}

}  // namespace

Text to_upper(TextView text) {
    Text upper;
    for (char32_t c : text) append_upper(upper, c);
    return upper;
}

Text to_lower(TextView text) {
    Text lower;
    for (size_t at = 0; at < text.size(); ++at) append_lower(lower, text, at);
    return lower;
}

Text to_title(TextView text) {
    Text title;
    bool inside = false;
    for (size_t at = 0; at < text.size(); ++at) {
        inside ? append_lower(title, text, at) : append_title(title, text[at]);
        inside = is_cased(text[at]);
    }
    return title;
}

Text capitalize(TextView text) {
    Text result;
    for (size_t at = 0; at < text.size(); ++at)
        at == 0 ? append_title(result, text[0]) : append_lower(result, text, at);
    return result;
}

Text swap_case(TextView text) {
    Text result;
    for (size_t at = 0; at < text.size(); ++at)
        case_of(text[at]) == LetterCase::upper ? append_lower(result, text, at) : append_upper(result, text[at]);
    return result;
}

bool is_space(char32_t c) {
    char32_t code = code_of(c);
    return class_of(code) == CharacterClass::space || (code >= 0x1c && code <= 0x1f);
}
bool is_digit(char32_t c) { return is_in(digit_ranges, c); }
bool is_number(char32_t c) { return class_of(code_of(c)) == CharacterClass::number; }
bool is_letter(char32_t c) { return class_of(code_of(c)) == CharacterClass::letter; }
bool is_printable(char32_t c) { return !is_in(unprintable_ranges, c); }

LetterCase case_of(char32_t c) {
    if (!is_cased(c)) return LetterCase::none;
    Text lower, upper;
    append_mapped(lower, c, {lower_runs, lower_texts});
    append_upper(upper, c);
    bool other_lower = lower != Text(1, c), other_upper = upper != Text(1, c);
    return !other_lower ? LetterCase::lower : other_upper ? LetterCase::title : LetterCase::upper;
}

namespace {

template <class F>
TextView strip_if(TextView text, Side side, F is_stripped) {
    size_t begin = 0, end = text.size();
    if (side != Side::right)
        while (begin < end && is_stripped(text[begin])) ++begin;
    if (side != Side::left)
        while (end > begin && is_stripped(text[end - 1])) --end;
    return text.substr(begin, end - begin);
}

}  // namespace

TextView strip(TextView text, Side side) { return strip_if(text, side, is_space); }

TextView strip(TextView text, TextView characters, Side side) {
    return strip_if(text, side, [characters](char32_t c) { return characters.find(c) != TextView::npos; });
}

std::vector<TextView> split(TextView text, std::optional<TextView> separator, size_t max_splits, bool from_right) {
    if (!separator) return split_whitespace(text, max_splits, from_right);
    std::vector<TextView> parts;
    while (parts.size() < max_splits) {
        size_t at = from_right ? text.rfind(*separator) : text.find(*separator);
        if (at == TextView::npos) break;
        size_t end = at + separator->size();
        parts.push_back(from_right ? text.substr(end) : text.substr(0, at));
        text = from_right ? text.substr(0, at) : text.substr(end);
    }
    parts.push_back(text);
    if (from_right) std::reverse(parts.begin(), parts.end());
    return parts;
}

std::vector<TextView> split_lines(TextView text, bool keep_ends) {
    std::vector<TextView> lines;
    while (!text.empty()) {
        auto end = static_cast<size_t>(std::find_if(text.begin(), text.end(), ends_line) - text.begin());
        size_t next = std::min(end + 1, text.size());
        if (next < text.size() && code_of(text[end]) == '\r' && code_of(text[next]) == '\n') ++next;
        lines.push_back(text.substr(0, keep_ends ? next : end));
        text = text.substr(next);
    }
    return lines;
}

size_t count(TextView text, TextView wanted) {
    if (wanted.empty()) return text.size() + 1;
    size_t found = 0;
    for (size_t at = text.find(wanted); at != TextView::npos; at = text.find(wanted, at + wanted.size())) ++found;
    return found;
}

Text replace(TextView text, TextView old, TextView replacement, size_t max_count) {
    Text result;
    size_t done = 0;
    for (; max_count > 0; --max_count) {
        size_t at = text.find(old, done);
        if (at == TextView::npos) break;
        result.append(text.substr(done, at - done)).append(replacement);
        done = at + old.size();
        if (!old.empty()) continue;
        if (done == text.size()) return result;  // an empty string is found before and after every character
        result.push_back(text[done++]);
    }
    return result.append(text.substr(done));
}

Text repr(TextView text) {
    char32_t quote = text.find('\'') != TextView::npos && text.find('"') == TextView::npos ? '"' : '\'';
    Text result(1, quote);
    for (char32_t c : text) {
        if (code_of(c) == quote || code_of(c) == '\\')
            result.append({'\\' | (c & flag_bits), c});
        else if (is_printable(c))
            result.push_back(c);
        else
            result += decode_utf8(backslash_escape(code_of(c)), c & flag_bits);
    }
    return result += quote;
}

Text escape_html(TextView text) {
    constexpr std::string_view special = "&<>\"'";
    constexpr std::string_view entities[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;"};
    Text result;
    for (char32_t c : text) {
        size_t at = code_of(c) < 0x80 ? special.find(static_cast<char>(code_of(c))) : special.npos;
        result += at == special.npos ? Text(1, c) : decode_utf8(entities[at], c & flag_bits);
    }
    return with_flag(std::move(result), escaped);
}

}  // namespace puna::jinja
