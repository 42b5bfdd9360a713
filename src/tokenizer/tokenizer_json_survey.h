// tokenizer/tokenizer_json_survey.h — a first look at a tokenizer.json: where its parts are, and how large.
//
//   TokenizerJsonSurvey survey = survey_tokenizer_json(text, "tokenizer.json");
//   read_json(survey.vocab, path, on_event);                   // valid JSON, an object of integers
//
// Internal to tokenizer/tokenizer_json.cpp. What is not named here, as truncation and padding, is skipped. Throws Error
// that names the field, for invalid JSON, values of other types and a field that is there twice.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct TokenizerJsonSurvey {
    // Views of the text: values as JSON. Empty: absent or null.
    std::string_view added_tokens, normalizer, pre_tokenizer, post_processor, decoder, vocab, merges;
    std::optional<std::string> unk_token;
    bool fuse_unk = false, byte_fallback = false, ignore_merges = false;

    std::vector<int32_t> ids;  // of vocab, in its order
    size_t vocab_bytes = 0;    // of all tokens as they are spelled
    size_t vocab_characters = 0;
    size_t merge_count = 0;
};

TokenizerJsonSurvey survey_tokenizer_json(std::string_view text, std::string_view path);

}  // namespace puna
