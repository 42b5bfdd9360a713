// data/loader.h — training rows from packed tokens: any row at any time, without state.
//
//   Loader loader("packed/stories", {.length = 512, .seed = 1});
//   TrainingRows rows = loader.read(position, 8);       // rows position .. position + 7, for ever: epochs follow each
//   other
//
// What row number p holds is a function of the set, the options and p only. So a run resumes at any position by asking
// for it, and ranks share a step by asking for their part of it. Every epoch has each row once, in another order.
//
// Text is cut every `length` tokens, wherever that is; the rest of the last row is padding. Conversations stay whole:
// they are put together in rows with as little padding as is easy, and one that is longer than a row loses its end
// (shortened() says how many do). Opening text costs nothing for each document, opening conversations one look at each.
// Throws Error for a set that is damaged, also later: the contents of shards are looked at when they are needed.
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
    std::vector<int32_t> targets;  // [rows x length]: the token that should follow; -1: nothing is learnt there
    std::vector<int64_t> starts;   // where in `tokens` attention begins anew: rows, documents and padding; ascending
    int64_t trained = 0;           // targets that are not -1
    int64_t bytes = 0;             // of text that these targets spell, for bits per byte; control tokens spell none
};

class Loader {
 public:
    Loader(const std::filesystem::path& folder, const LoaderOptions& options);

    int64_t rows_per_epoch() const { return rows_; }
    TrainingRows read(int64_t position, int64_t count) const;  // any thread may

    const ShardSet& set() const { return set_; }
    int64_t vocabulary() const { return set_.index().vocabulary; }
    int64_t shortened() const { return shortened_; }  // conversations that are longer than a row

    // An id of the rows, padding included, that is not below the limit; empty if there is none. Reads the whole set.
    std::optional<int32_t> find_id_from(int64_t limit) const;

 private:
    struct Block {  // some neighboring conversations of a shard
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
    std::vector<uint16_t> token_bytes_;  // of text, by id
    int32_t padding_;
    std::vector<Block> blocks_;  // conversations only
    int64_t rows_ = 0, shortened_ = 0;
};

}  // namespace puna
