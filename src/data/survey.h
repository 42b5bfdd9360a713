// data/survey.h — reads all inputs once and decides which of their text is held out for validation.
//
//   Survey survey = survey_documents(files, {}, {.rule = {.share = 0.1}});
//   double held_out = survey.split.short_share;                // of short documents
//
// Nothing is tokenized; memory is bounded, but for eight bytes per chunk of text (data/validation_split.h). What is
// read must not change until it is packed: compare the hashes of the files then. Throws the Error of the first input
// that cannot be read; with skip_bad there is none, and nothing is logged: whoever packs them will.
#pragma once
#include "data/document_reader.h"
#include "data/validation_split.h"

#include <cstdint>
#include <string>
#include <vector>

namespace puna {

struct Survey {
    ValidationSplit split;
    std::vector<uint64_t> hashes;  // of the files; 0: not read to the end
};

struct SurveyOptions {
    std::string text_field = "text";
    bool skip_bad = false;
    int64_t max_documents = 0;  // 0: all
    SplitRule rule;
    CheckStop check_stop = [] {};  // called with each batch; may throw
};

Survey survey_documents(const std::vector<InputFile>& files, ReadOptions read, const SurveyOptions& options);

}  // namespace puna
