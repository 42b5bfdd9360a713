// nn/batch.h — what one pass works on: a flat row of tokens with the places where sequences begin. Packed training
// documents, a piece of a prompt and forty decode steps are the same struct.
//
//   Batch batch = batch_of(prompt);                          // one sequence from position 0
//   Batch step{.tokens = {7, 9}, .sequences = {{0, 1, 31, 0}, {1, 1, 12, 1}}, .cache = &cache};
#pragma once
#include "nn/cache.h"

#include <cstdint>
#include <span>
#include <vector>

namespace puna {

struct Sequence {
    int64_t first, n;    // its rows of the batch
    int64_t before = 0;  // its tokens that the cache already holds: its first row has this position
    int slot = 0;        // of the cache
    int adapter = -1;    // which LoRA pairs; -1: none
};

struct Batch {
    std::vector<int32_t> tokens;
    std::vector<Sequence> sequences;  // in order, covering all tokens; attention stays inside each
    std::vector<int32_t> targets;     // training: the token that should follow each, -1 where nothing is learnt
    std::vector<int64_t> chunk;       // training: rows where gradient chunks begin, and the end (kernels.h, TreeSum)
    int64_t chunks_before = 0;        // training: chunks of this step in earlier passes
    KvCache* cache = nullptr;

    int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
};

constexpr int64_t chunk_tokens = 512;

Batch batch_of(std::span<const int32_t> tokens);

// Where chunks begin in `rows` training sequences of `length` tokens each: every 512 tokens, never across a sequence.
std::vector<int64_t> chunks_of(int64_t rows, int64_t length);

// The position of every token inside its sequence.
std::vector<int32_t> positions_of(const Batch& batch);

}  // namespace puna
