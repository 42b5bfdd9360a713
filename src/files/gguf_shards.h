// files/gguf_shards.h — a model in GGUF: one file, or the several that a writer has split it into.
//
//   GgufShards shards("llama-00001-of-00003.gguf");                  // any of them; the others must lie beside it
//   std::string_view name = shards.first().text("general.name").value_or("");   // the first one has the model's keys
//   if (GgufFile* file = shards.find_file("output_norm.weight")) w = file->tensor("output_norm.weight");
//
// Files of a split model are named NAME-00001-of-0000N.gguf and have split.no, split.count and, in the first one,
// split.tensors.count. Throws Error that names the file for one that is missing or belongs to another split.
// Source: llama.cpp, src/llama-model-loader.cpp.
#pragma once
#include "files/gguf.h"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>

namespace puna {

class GgufShards {
 public:
    explicit GgufShards(const std::filesystem::path& path);

    const GgufFile& first() const { return files_.front(); }
    std::deque<GgufFile>& files() { return files_; }
    const std::deque<GgufFile>& files() const { return files_; }

    const TensorEntry* find(std::string_view tensor) const;
    GgufFile* find_file(std::string_view tensor);  // that holds it; null: none does

 private:
    void open_others(int64_t count);
    void check_split(const GgufFile& file, int64_t number, int64_t count) const;
    void check_tensors() const;

    std::deque<GgufFile> files_;
};

// Of a name as above: the file's number in the split, from 1 on, and how many there are. 0 of 0: another name.
struct GgufShardName {
    std::string prefix;
    int64_t number = 0, count = 0;
    std::string file_name(int64_t n) const;  // of the n-th file
};
GgufShardName parse_shard_name(std::string_view file_name);

}  // namespace puna
