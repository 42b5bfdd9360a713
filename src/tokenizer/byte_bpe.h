// tokenizer/byte_bpe.h — byte-level BPE with Llama 3's split pattern: the encoder of VocabularyKind::byte_bpe.
//
//   std::unique_ptr<SubwordEncoder> encoder = make_byte_bpe_encoder(vocabulary, text.size());
//   std::vector<int32_t> ids = encoder->encode(text, true);
//
// Splits text into pieces (tokenizer/split.h), merges the bytes of each (tokenizer/merge.h) and caches words with their
// ids. The cache has a fixed size, 4 MiB at most; new words evict older ones; short texts use none.
#pragma once
#include "tokenizer/subword_encoder.h"

#include <memory>
#include <string_view>

namespace puna {

void check_byte_bpe(const Vocabulary& vocabulary, std::string_view source);  // every byte must have a token
std::unique_ptr<SubwordEncoder> make_byte_bpe_encoder(const Vocabulary& vocabulary, size_t expected_bytes);

}  // namespace puna
