#include "cli/editor/clusters.h"

#include "core/utf8.h"

#include <utf8proc.h>

#include <algorithm>

namespace puna {

namespace {

constexpr uint32_t emoji_style = 0xfe0f, first_flag_letter = 0x1f1e6, last_flag_letter = 0x1f1ff;

bool is_flag_letter(uint32_t code) { return code >= first_flag_letter && code <= last_flag_letter; }

utf8proc_category_t category_of(uint32_t code) { return utf8proc_category(static_cast<utf8proc_int32_t>(code)); }

bool is_letter_or_number(utf8proc_category_t c) { return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_NO; }

// Whether all terminals give it the width that Unicode recommends, alone or with marks above and below.
bool has_certain_width(uint32_t code) {
    utf8proc_category_t c = category_of(code);
    bool is_jamo = code >= 0x1100 && code < 0x1200;  // parts of a syllable
    bool is_punctuation = c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO;
    return code < 0x7f || c == UTF8PROC_CATEGORY_ZS || is_punctuation || (is_letter_or_number(c) && !is_jamo);
}

bool is_plain_mark(uint32_t code) {
    utf8proc_category_t c = category_of(code);
    bool selects_style = code >= 0xfe00 && code <= emoji_style;
    return (c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME) && !selects_style && code != 0x20e3;  // a keycap
}

}  // namespace

size_t cluster_end(std::string_view text, size_t begin) {
    utf8proc_int32_t state = 0;
    Character last = read_character(text, begin);
    size_t end = begin + last.size;
    while (end < text.size()) {
        Character next = read_character(text, end);
        if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(last.code),
                                             static_cast<utf8proc_int32_t>(next.code), &state))
            break;
        end += next.size;
        last = next;
    }
    return end;
}

// Where a cluster begins depends on what is before it, but on nothing before a line's end.
size_t cluster_begin(std::string_view text, size_t end) {
    size_t newline = end > 1 ? text.rfind('\n', end - 2) : text.npos;
    size_t begin = newline == text.npos ? 0 : newline + 1;
    while (true) {
        size_t next = cluster_end(text, begin);
        if (next >= end) return begin;
        begin = next;
    }
}

bool is_word_character(std::string_view cluster) {
    return is_letter_or_number(category_of(read_character(cluster, 0).code));
}

bool is_closing(std::string_view cluster) {
    utf8proc_category_t c = category_of(read_character(cluster, 0).code);
    return c == UTF8PROC_CATEGORY_PE || c == UTF8PROC_CATEGORY_PF || c == UTF8PROC_CATEGORY_PO;
}

int ClusterWidths::of(std::string_view cluster) const {
    if (cluster.size() == 1) return 1;  // most common
    if (auto found = measured_.find(cluster); found != measured_.end()) return found->second;
    int columns = 0, flag_letters = 0;
    for (size_t at = 0; at < cluster.size();) {
        Character c = read_character(cluster, at);
        at += c.size;
        flag_letters += is_flag_letter(c.code);
        bool emoji = c.code == emoji_style || flag_letters == 2;
        columns = std::max(columns, emoji ? 2 : utf8proc_charwidth(static_cast<utf8proc_int32_t>(c.code)));
    }
    return columns;
}

int ClusterWidths::of_text(std::string_view text) const {
    int columns = 0;
    for (size_t at = 0, end = 0; at < text.size(); at = end) {
        end = cluster_end(text, at);
        columns += of(text.substr(at, end - at));
    }
    return columns;
}

bool ClusterWidths::is_certain(std::string_view cluster) const {
    Character first = read_character(cluster, 0);
    bool certain = has_certain_width(first.code);
    for (size_t at = first.size; at < cluster.size() && certain;) {
        Character mark = read_character(cluster, at);
        certain = is_plain_mark(mark.code);
        at += mark.size;
    }
    return certain || measured_.find(cluster) != measured_.end();
}

}  // namespace puna
