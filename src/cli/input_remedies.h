// cli/input_remedies.h — what commands that read inputs say about those that cannot be read.
//
//   BadInputs bad(options.input.skip_bad, with_flag_name);
//   PackResult result = naming_remedies([&] { return pack(options, tokenizer, chat, bad); });
#pragma once
#include "cli/help.h"
#include "core/json_text.h"
#include "data/bad_input.h"

namespace puna {

inline constexpr std::string_view inputs_help = "text and JSON files, or folders of them; -: standard input";

// The message; an option that it ends with by name, as a remedy, becomes a flag.
inline std::string with_flag_name(const BadInput& problem) {
    if (problem.field.empty()) return problem.what();
    return std::string(problem.what()).substr(0, problem.field_at) + flag_name(problem.field) +
           std::string(problem.problem());
}

// Runs what reads inputs; its error about one of them also names the flags with which it goes on.
template <class Read>
auto naming_remedies(Read read) {
    try {
        return read();
    } catch (const BadInput& problem) {
        fail(problem.kind, "{}; {}--skip-bad goes on without it", with_flag_name(problem),
             problem.encoding ? "--encoding reads other encodings (--encoding windows-1252), " : "");
    }
}

inline JsonObject skipped_json(const SkippedInputs& skipped) {
    return {{"documents", skipped.records}, {"lines", skipped.lines}, {"files", skipped.files}};
}

}  // namespace puna
