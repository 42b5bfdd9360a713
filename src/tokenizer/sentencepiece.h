// tokenizer/sentencepiece.h — SentencePiece's BPE, the vocabularies of Llama 1 and 2: VocabularyKind::sentencepiece.
//
//   std::unique_ptr<SubwordEncoder> encoder = make_sentencepiece_encoder(vocabulary, text.size());
//   std::vector<int32_t> ids = encoder->encode(text, Preceding::nothing);
//
// A text is normalized (spaces at its ends and between words, by the rules of the vocabulary), then merged as a whole
// (tokenizer/merge.h): word by word only where no token crosses from one to the next, as in all that were trained on
// words. Invalid UTF-8 becomes byte tokens; sentencepiece itself makes U+FFFD of it. Files: sentencepiece_model.h,
// gguf_vocabulary.h, tokenizer_json.h. Source: sentencepiece, src/normalizer.cc and src/bpe_model.cc.
#pragma once
#include "tokenizer/subword_encoder.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// U+2581, which files write for a space.
inline constexpr std::string_view space_symbol = "\u2581";

void prepare_sentencepiece(Vocabulary& vocabulary, std::string_view source);
SafeCut sentencepiece_safe_cut(const Vocabulary& vocabulary);
std::unique_ptr<SubwordEncoder> make_sentencepiece_encoder(const Vocabulary& vocabulary, size_t expected_bytes);

// By id: the vocabulary's scores, or such that give the order of its merges.
std::vector<float> scores_of(const Vocabulary& vocabulary);
std::vector<int32_t> rank_scores(const std::vector<float>& scores);  // 0 for the highest; equal ones have the same

// How files write a token, and back: "▁the" is " the".
// Whether spaces are replaced, and one put before a text, by a normalizer as in Llama 1 and 2 ("legacy"), and not by
// the pre-tokenizer Metaspace. It works on the text between added tokens that are not normalized.
bool has_space_normalizer(const Vocabulary& vocabulary);

std::string spell_spaces(std::string_view token);
std::string unspell_spaces(std::string_view spelled);

// The byte of a token such as <0x0A>, and back; none for other texts.
std::optional<unsigned char> byte_of_name(std::string_view name);
std::string name_of_byte(unsigned char byte);

}  // namespace puna
