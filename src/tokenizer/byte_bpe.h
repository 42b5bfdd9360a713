// tokenizer/byte_bpe.h — byte-level BPE, with one of the published split patterns: VocabularyKind::byte_bpe.
//
//   std::unique_ptr<SubwordEncoder> encoder = make_byte_bpe_encoder(vocabulary, text.size());
//   std::vector<int32_t> ids = encoder->encode(text, Preceding::nothing);
//
// Every byte of UTF-8 must have a token. The 13 bytes that no UTF-8 contains may have none, as in DeepSeek's
// vocabularies: in invalid text they become U+FFFD, as every reader of text makes of them.
#pragma once
#include "tokenizer/subword_encoder.h"

#include <memory>
#include <string_view>

namespace puna {

void prepare_byte_bpe(Vocabulary& vocabulary, std::string_view source);  // checks the bytes
SafeCut byte_bpe_safe_cut(const Vocabulary& vocabulary);
std::unique_ptr<SubwordEncoder> make_byte_bpe_encoder(const Vocabulary& vocabulary, size_t expected_bytes);

}  // namespace puna
