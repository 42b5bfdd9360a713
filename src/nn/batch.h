// nn/batch.h — the input of one pass: a flat list of tokens and where its sequences start. Packed training documents,
// a prefill chunk and forty decode steps are the same struct.
//
//   Batch batch = batch_of(prompt);                          // one sequence from position 0
//   Batch step{.tokens = {7, 9}, .sequences = {{0, 1, 31, {4}}, {1, 1, 80, {2, 7}}}, .cache = &cache};
#pragma once
#include "nn/cache.h"

#include <cstdint>
#include <span>
#include <vector>

namespace puna {

struct Sequence {
    int64_t first, n;                 // its rows in the batch
    int64_t past = 0;                 // its tokens already in the KV cache; the position of its first row
    std::vector<int32_t> pages = {};  // of the KV cache, for past + n tokens
    int adapter = -1;                 // index of its LoRA adapter; -1: none
};

struct Batch {
    std::vector<int32_t> tokens;
    std::vector<Sequence> sequences;  // in order, covering all tokens; attention stays inside each
    std::vector<int32_t> targets;     // training: the next token of each; -1: not in the loss
    std::vector<int64_t> chunk;       // training: first rows of the gradient chunks, and the end (kernels.h, TreeSum)
    int64_t chunks_before = 0;        // training: chunks of this step in earlier passes
    KvCache* cache = nullptr;

    int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
};

constexpr int64_t chunk_tokens = 512;

Batch batch_of(std::span<const int32_t> tokens);

// First rows of the chunks of `rows` training sequences of `length` tokens each, and the end: a chunk has at most 512
// tokens and never crosses a sequence boundary.
std::vector<int64_t> chunks_of(int64_t rows, int64_t length);

// The pages of all sequences exist, for all their tokens: otherwise a Bug.
void check_pages(const Batch& batch);

// The position of every token within its sequence: [tokens].
std::vector<int32_t> positions_of(const Batch& batch);

}  // namespace puna
