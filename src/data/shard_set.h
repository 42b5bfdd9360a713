// data/shard_set.h — a folder of shards as one long row of tokens.
//
//   ShardSet set("packed/stories");
//   set.index().tokens                       // in all
//   set.read(first, ids);                    // from any place, also across shards
//
// Opening takes time and memory for each shard, not for its documents or tokens. The folder holds index.json, the
// shards 00000.tokens, 00001.tokens, ..., the tokenizer that made them, and sources.jsonl, which says of what. Throws
// Error with the path and what is wrong.
#pragma once
#include "data/shard.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct PackedShard {
    int64_t documents = 0, tokens = 0;
    uint64_t hash = 0;  // of the file
};

struct SetIndex {                // index.json
    bool conversations = false;  // otherwise text
    int64_t vocabulary = 0;
    uint64_t tokenizer = 0;  // hash of tokenizer.json
    int64_t documents = 0, tokens = 0;
    int64_t trained = 0;  // tokens that can be learnt
    int64_t bytes = 0;    // of text that was packed
    std::vector<PackedShard> shards;
};

SetIndex parse_set_index(std::string_view text, std::string_view place);
std::string set_index_json(const SetIndex& index);
std::string shard_name(size_t shard);  // "00000.tokens"

class ShardSet {
 public:
    explicit ShardSet(const std::filesystem::path& folder);

    const std::filesystem::path& folder() const { return folder_; }
    const SetIndex& index() const { return index_; }
    const std::vector<Shard>& shards() const { return shards_; }

    void read(int64_t first, std::span<int32_t> ids) const;
    std::vector<int64_t> documents_between(int64_t first,
                                           int64_t last) const;  // that begin there, by their first token

    // Reads everything and holds it against the hashes in the index.
    void verify(const std::function<void(int64_t bytes)>& on_progress) const;

 private:
    size_t shard_at(int64_t token) const;

    std::filesystem::path folder_;
    SetIndex index_;
    std::vector<Shard> shards_;
    std::vector<int64_t> before_;  // tokens before each shard
};

}  // namespace puna
