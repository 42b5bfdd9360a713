// tokenizer/tokenizer_json_settings.h — tokenizer.json's normalizer, pre_tokenizer and decoder: which kind of
// vocabulary it is, and how text is split.
//
//   TokenizerJsonSettings settings = read_settings(survey, "tokenizer.json");
//
// Byte-level BPE splits text in the pre_tokenizer by one of the published patterns (tokenizer/split_pattern.h) and ends
// with ByteLevel. SentencePiece BPE writes spaces as U+2581, in the normalizer (Prepend and Replace: "legacy") or in
// the pre_tokenizer (Metaspace). Sequences may nest. Throws Error for anything else, with its name and its text: it
// would change ids or text without a word.
#pragma once
#include "core/json_document.h"
#include "tokenizer/tokenizer_json_survey.h"
#include "tokenizer/vocabulary.h"

#include <string>
#include <string_view>

namespace puna {

struct TokenizerJsonSettings {
    VocabularyKind kind = VocabularyKind::byte_bpe;
    SplitPattern split = SplitPattern::llama3;
    SentencePieceRules rules;  // without tokens
};

TokenizerJsonSettings read_settings(const TokenizerJsonSurvey& survey, std::string_view path);

// The same as JSON, from a vocabulary. Throws Error if tokenizer.json cannot express one of its rules.
std::string normalizer_json(const Vocabulary& vocabulary);
std::string pre_tokenizer_json(const Vocabulary& vocabulary);
std::string decoder_json(const Vocabulary& vocabulary);

// Published files have less than a hundred values here.
inline constexpr JsonLimits settings_limits{
    .bytes = 1 << 18, .values = 10'000, .depth = 32, .names = JsonNames::unique};

}  // namespace puna
