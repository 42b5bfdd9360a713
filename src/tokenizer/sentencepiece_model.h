// tokenizer/sentencepiece_model.h — SentencePiece's own file, the tokenizer.model of Llama 1 and 2.
//
//   Vocabulary vocabulary = parse_sentencepiece_model(bytes, "tokenizer.model");
//   write_file(path, sentencepiece_model_bytes(vocabulary));
//
// A protobuf message ModelProto: pieces (1) with their text, score and type, the trainer's settings (2), of which the
// type of the model, byte_fallback and the names of the special tokens count, and the normalizer's (3). Throws Error
// for models other than BPE, for normalization rules (Llama's has none), and for settings that would encode
// differently, by name. Source: sentencepiece, src/sentencepiece_model.proto and src/model_interface.cc.
#pragma once
#include "tokenizer/vocabulary.h"

#include <string>
#include <string_view>

namespace puna {

bool is_sentencepiece_model(std::string_view bytes);  // by its first bytes

Vocabulary parse_sentencepiece_model(std::string_view bytes, std::string_view path);

// Throws Error for vocabularies of the other kind, and without a token for unknown characters. Control tokens stay
// control tokens, and added tokens of text become user-defined ones.
std::string sentencepiece_model_bytes(const Vocabulary& vocabulary);

}  // namespace puna
