// data/shard_set.h — a folder of shards as one sequence of tokens.
//
//   ShardSet set("packed/stories");
//   int64_t total = set.index().tokens;
//   set.read(first, ids);                    // from any position, across shards
//
// Opening costs time and memory per shard, not per document or token. The folder holds index.json, the shards
// 00000.tokens, 00001.tokens, ..., the tokenizer that encoded them, and sources.jsonl, which lists the input files.
// Throws Error with the path and the reason.
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
    int64_t trained = 0;  // tokens in the loss
    int64_t bytes = 0;    // of the packed text
    std::vector<PackedShard> shards;
};

SetIndex parse_set_index(std::string_view text, std::string_view location);
std::string set_index_json(const SetIndex& index);
std::string shard_name(size_t shard);  // "00000.tokens"

// Whether the folder contains the files of a set, and of its `validation` subfolder, and nothing else.
bool is_packed_set(const std::filesystem::path& folder);

class ShardSet {
 public:
    explicit ShardSet(const std::filesystem::path& folder);

    const std::filesystem::path& folder() const { return folder_; }
    const SetIndex& index() const { return index_; }
    const std::vector<Shard>& shards() const { return shards_; }

    void read(int64_t first, std::span<int32_t> ids) const;
    // First tokens of the documents that begin in first .. last - 1.
    std::vector<int64_t> documents_between(int64_t first, int64_t last) const;

    // Reads all shards and compares their hashes with the index.
    void verify(const std::function<void(int64_t bytes)>& on_progress) const;

 private:
    size_t shard_at(int64_t token) const;

    std::filesystem::path folder_;
    SetIndex index_;
    std::vector<Shard> shards_;
    std::vector<int64_t> before_;  // tokens before each shard
};

}  // namespace puna
