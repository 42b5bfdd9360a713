// files/shard_index.h — which file of a Hugging Face folder holds which tensor: model.safetensors.index.json.
//
//   ShardIndex index = parse_shard_index(text, path);
//   for (const ShardEntry& entry : index.entries) ...          // entry.tensor lies in the folder's file entry.file
//
// The text is {"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}; whatever lies beside weight_map is
// passed over. A file is the plain name of one in the same folder: no name leads out of it. Opens no files: see
// files/shards.h.
#pragma once
#include "files/json_strings.h"

#include <string_view>
#include <vector>

namespace puna {

struct ShardEntry {
    std::string_view tensor, file;
};

// Views into the text, which must outlive them, sorted by file, then tensor. Takes less than twice the text's memory.
struct ShardIndex {
    std::vector<ShardEntry> entries;
    JsonStrings strings;
};

// Throws Error: not JSON, no weight_map, a tensor twice, a file name with a folder in it.
ShardIndex parse_shard_index(std::string_view text, std::string_view path);

}  // namespace puna
