// tokenizer/gguf_vocabulary.h — the vocabulary inside a GGUF file: the keys tokenizer.ggml.*.
//
//   GgufFile file("llama.gguf");
//   Tokenizer tokenizer(parse_gguf_vocabulary(file), "llama.gguf");
//   std::string note = add_gguf_vocabulary(metadata, tokenizer);               // the keys for another file
//
// tokenizer.ggml.model is "gpt2" for byte-level BPE, whose split pattern tokenizer.ggml.pre names, and "llama" for
// SentencePiece BPE. Tokens are text as Hugging Face's files spell them, except added and control tokens of byte-level
// BPE, which are themselves. Their types: 1 normal, 2 unknown, 3 control, 4 user-defined (an added token of text),
// 5 unused, 6 byte. A row of the embedding without a token is "[PAD" with its id, of any type.
//
// Throws Error that names the key for what is missing, of another type or length, or inconsistent. Source: llama.cpp,
// src/llama-vocab.cpp and gguf-py/gguf/constants.py.
#pragma once
#include "files/gguf.h"
#include "files/gguf_writer.h"
#include "tokenizer/tokenizer.h"

#include <string>

namespace puna {

Vocabulary parse_gguf_vocabulary(const GgufFile& file);

// Adds all keys of the vocabulary; what they cannot say is in keys puna.tokenizer.*, so that reading gives the same
// vocabulary. Returns one line about what other engines will do differently; empty: nothing.
std::string add_gguf_vocabulary(GgufMetadata& metadata, const Tokenizer& tokenizer);

}  // namespace puna
