#include "data/line_filter.h"

#include "core/utf8.h"

#include <algorithm>

namespace puna {

std::vector<BadLine> LineFilter::remove_invalid(std::string& text, size_t begin, bool at_end) {
    std::vector<BadLine> bad;
    std::string_view fresh = std::string_view(text).substr(checked_);
    if (!at_end) fresh.remove_suffix(incomplete_tail(fresh));
    if (!in_bad_line_ && find_utf8_errors(fresh).count == 0) {  // nearly always
        read_ += fresh.size();
        lines_ += std::count(fresh.begin(), fresh.end(), '\n');
        keep(fresh);
        checked_ += fresh.size();
        return bad;
    }
    const std::string lines(fresh), tail = text.substr(checked_ + fresh.size());
    text.resize(checked_);
    for (std::string_view rest = lines; !rest.empty();) {
        std::string_view line = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
        rest.remove_prefix(line.size());
        Utf8Errors errors = find_utf8_errors(line);
        if (errors.count > 0 && !in_bad_line_) {
            bad.push_back({lines_ + 1, read_ + errors.first, static_cast<unsigned char>(line[errors.first])});
            drop_line(text, begin);
        }
        bool ends = line.back() == '\n';
        std::string_view kept = !in_bad_line_ ? line : ends && cut_line_ ? "\n" : "";  // a cut line still ends
        text += kept;
        keep(kept);
        read_ += line.size();
        lines_ += ends;
        in_bad_line_ = in_bad_line_ && !ends;
    }
    checked_ = text.size();
    text += tail;
    return bad;
}

void LineFilter::discard(size_t bytes) { checked_ -= std::min(checked_, bytes); }

void LineFilter::keep(std::string_view part) {
    if (size_t newline = part.rfind('\n'); newline != part.npos) line_begin_ = kept_ + newline + 1;
    kept_ += part.size();
}

// Removes the beginning of the line, as far as it is in the text and not taken.
void LineFilter::drop_line(std::string& text, size_t begin) {
    size_t present = std::min(kept_ - line_begin_, text.size() - begin);
    cut_line_ = present < kept_ - line_begin_;
    text.resize(text.size() - present);
    kept_ -= present;
    in_bad_line_ = true;
}

}  // namespace puna
