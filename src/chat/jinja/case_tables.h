// chat/jinja/case_tables.h — which characters have another case, are cased, digits or unprintable: Unicode, as Python
// has it.
//
// The data are generated (tools/case_tables.py); python_str.h is what uses them.
#pragma once
#include <cstdint>
#include <span>

namespace puna::jinja {

struct CaseRun {  // first, first + step, ..., last become themselves plus delta
    char32_t first, last, step;
    int32_t delta;
};
struct CaseText {  // one character that becomes several
    char32_t code;
    const char32_t* text;
};
struct CodeRange {
    char32_t first, last;
};

extern const std::span<const CaseRun> upper_runs, lower_runs, title_runs;
extern const std::span<const CaseText> upper_texts, lower_texts, title_texts;
extern const std::span<const CodeRange> cased_ranges, case_ignorable_ranges, digit_ranges, unprintable_ranges;

}  // namespace puna::jinja
