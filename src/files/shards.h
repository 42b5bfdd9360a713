// files/shards.h — the weights in a Hugging Face folder: model.safetensors, or several files and an index of them.
//
//   ModelWeights weights("Llama-3.2-1B");                          // opens every shard that is there
//   if (weights.find("lm_head.weight")) ...
//   Tensor w = weights.tensor("model.norm.weight");                // Error where there is none
//
//   ModelWeightsWriter writer(folder, specs, {.max_shard_bytes = 5 << 30});    // one file where they fit into it
//   for (...) writer.write(tensor);                                            // in the order of specs
//   writer.commit();
//
// A tensor is looked for in every shard, first in the one where the index (files/shard_index.h) has it. An index that
// names too much or too little, and a shard that is not there, matter only to who asks for what is missing. Where both
// forms are there, model.safetensors counts.
// Each file is replaced as a whole, but a set of shards is not: where others may read meanwhile, write into a new
// folder and rename it (core/atomic_file.h).
#pragma once
#include "files/safetensors.h"
#include "files/shard_index.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

class ModelWeights {
 public:
    explicit ModelWeights(const std::filesystem::path& folder);

    const TensorEntry* find(std::string_view name) const;
    Tensor tensor(std::string_view name);                           // as SafetensorsFile::tensor
    [[noreturn]] void fail_missing(std::string_view name) const;    // Error: where the tensor should be
    const std::vector<SafetensorsFile>& files() { return files_; }  // in the order of their names

 private:
    std::string_view file_in_index(std::string_view tensor) const;  // empty: the index does not name it

    std::filesystem::path folder_;
    std::optional<MappedFile> index_text_;
    std::optional<ShardIndex> index_;
    std::vector<SafetensorsFile> files_;
};

struct ShardOptions {
    int64_t max_shard_bytes = int64_t{5} << 30;  // of numbers in a file; a larger tensor has a file of its own
    Metadata metadata = {{"format", "pt"}};      // other readers insist on this pair
};

class ModelWeightsWriter {
 public:
    ModelWeightsWriter(const std::filesystem::path& folder, const std::vector<TensorSpec>& specs,
                       const ShardOptions& options = {});

    void write(const Tensor& tensor);  // the next one
    void commit();                     // after the last one; files of an earlier model are removed

 private:
    struct Shard {
        std::string file;
        std::vector<TensorSpec> specs;
    };
    void open_next();
    void write_index() const;
    void remove_earlier() const;

    std::filesystem::path folder_;
    ShardOptions options_;
    std::vector<Shard> shards_;
    size_t next_shard_ = 0, left_in_shard_ = 0;
    std::unique_ptr<SafetensorsWriter> writer_;  // of the shard before next_shard_
};

}  // namespace puna
