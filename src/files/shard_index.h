// files/shard_index.h — the index of a sharded Hugging Face model: model.safetensors.index.json,
// pytorch_model.bin.index.json.
//
//   std::vector<ShardEntry> index = parse_shard_index(text, path);
//   for (const ShardEntry& entry : index) use(entry);               // entry.tensor is in the file entry.file
//
// Format: {"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}; only weight_map is read. File names with a
// path are rejected, so none leads out of the folder. Opens no files: see files/shards.h.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct ShardEntry {
    std::string tensor, file;
};

// Sorted by file, then tensor. Throws Error for invalid JSON, a missing weight_map, duplicate tensors, and file names
// with a path or another extension.
std::vector<ShardEntry> parse_shard_index(std::string_view text, std::string_view path,
                                          std::string_view extension = ".safetensors");

}  // namespace puna
