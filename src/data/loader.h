// data/loader.h — training rows from packed tokens: stateless random access.
//
//   Loader loader("packed/stories", {.length = 512, .seed = 1});
//   TrainingRows rows = loader.read(position, 8);       // rows position .. position + 7, across epochs
//
// Row p is a function of the set, the options and p alone. So a run resumes at any position, and each rank reads its
// own part of a step. Every epoch contains each row once, in a different order.
//
// Text is split every `length` tokens; the last row is padded. Conversations are not split: they are packed into rows,
// first-fit decreasing, and one that is longer than a row is truncated (see truncated()). Opening a set of text does
// not read its documents; opening a set of conversations reads the length of each. Throws Error for a damaged set, also
// from read(): shards are checked as they are read.
#pragma once
#include "data/shard_set.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace puna {

struct LoaderOptions {
    int64_t length = 512;  // tokens of a row
    uint64_t seed = 0;
    bool shuffle = true;  // false: in the order of the set, for validation
};

struct TrainingRows {
    std::vector<int32_t> tokens;   // [rows x length]
    std::vector<int32_t> targets;  // [rows x length]: next token; -1: not in the loss
    std::vector<int64_t> starts;   // where sequences begin in `tokens` (rows, documents, padding); ascending
    int64_t trained = 0;           // targets that are not -1
    int64_t bytes = 0;             // of text in these targets, for bits per byte; control tokens count 0
};

class Loader {
 public:
    Loader(const std::filesystem::path& folder, const LoaderOptions& options);

    int64_t rows_per_epoch() const { return rows_; }
    TrainingRows read(int64_t position, int64_t count) const;  // thread-safe

    const ShardSet& set() const { return set_; }
    int64_t vocabulary() const { return set_.index().vocabulary; }
    int64_t truncated() const { return truncated_; }  // conversations that are longer than a row

    // An id in the rows, padding included, that is >= limit; empty if there is none. Reads the whole set.
    std::optional<int32_t> find_id_from(int64_t limit) const;

 private:
    struct Block {  // consecutive conversations of a shard
        size_t shard;
        int64_t first_document, documents;
        int64_t first_row;
    };

    void lay_out_blocks();
    int64_t row_at(int64_t position) const;
    void add_text(TrainingRows& rows, int64_t row) const;
    void add_conversations(TrainingRows& rows, int64_t row) const;
    void add_conversation(TrainingRows& rows, const Shard& shard, int64_t document) const;
    void add_padding(TrainingRows& rows, int64_t n) const;
    void count_targets(TrainingRows& rows) const;

    ShardSet set_;
    LoaderOptions options_;
    std::vector<uint16_t> token_bytes_;  // of text, indexed by token id
    int32_t padding_;
    std::vector<Block> blocks_;  // conversations only
    int64_t rows_ = 0, truncated_ = 0;
};

}  // namespace puna
