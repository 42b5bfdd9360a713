// cli/input_remedies.h — what commands that read inputs say about those that cannot be read.
//
//   PackResult result = naming_remedies([&] { return pack(options, tokenizer, chat); });
#pragma once
#include "core/json_text.h"
#include "data/bad_input.h"

namespace puna {

// Runs what reads inputs; its error about one of them also names the flags with which it goes on.
template <class Read>
auto naming_remedies(Read read) {
    try {
        return read();
    } catch (const BadInput& problem) {
        fail(problem.kind, "{}; {}--skip-bad goes on without it", problem.what(),
             problem.encoding ? "--encoding reads other encodings (--encoding windows-1252), " : "");
    }
}

inline JsonObject skipped_json(const SkippedInputs& skipped) {
    return {{"documents", skipped.records}, {"lines", skipped.lines}, {"files", skipped.files}};
}

}  // namespace puna
