// files/shards.h — the weights of a model in Hugging Face format: model.safetensors, or several shards and an index;
// before 2023 pytorch_model.bin, or shards of it.
//
//   ModelWeights weights("Llama-3.2-1B");                          // opens every shard that exists
//   bool tied = !weights.find("lm_head.weight");
//   Tensor w = weights.tensor("model.norm.weight");                // throws Error if there is none
//
//   ModelWeightsWriter writer(folder, specs, {.max_shard_bytes = int64_t{5} << 30});  // one file if they fit
//   for (const Tensor& tensor : tensors) writer.write(tensor);                       // in the order of specs
//   writer.commit();
//
// A tensor is searched for in every shard; if several contain it, the one named by the index (files/shard_index.h)
// wins. Index entries without a tensor, tensors without an index entry, missing and damaged shards are errors only
// when such a tensor is requested and not found. Of several forms model.safetensors is used, then its shards, then
// pytorch_model.bin. Only safetensors are written. Files are replaced atomically one by one, but not as a set: if the
// folder may be read meanwhile, write to a new folder and rename it (core/atomic_file.h).
#pragma once
#include "core/error.h"
#include "files/safetensors.h"
#include "files/shard_index.h"
#include "files/weights_file.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// Whether a folder has weights in one of these forms.
bool has_weights(const std::filesystem::path& folder);

class ModelWeights {
 public:
    explicit ModelWeights(const std::filesystem::path& folder);

    const TensorEntry* find(std::string_view name) const;
    Tensor tensor(std::string_view name);      // see TensorTable
    Tensor view(std::string_view name) const;  // see TensorTable
    // The Error says where the tensor should be; `remedy` is for files that do not mention it at all.
    [[noreturn]] void fail_missing(std::string_view name, std::string_view remedy) const;
    const std::vector<WeightsFile>& files() const { return files_; }  // sorted by name

 private:
    void open_shards();
    std::string_view file_in_index(std::string_view tensor) const;  // empty if the index does not list it

    std::filesystem::path folder_;
    std::string_view index_file_;    // empty: there is none
    std::vector<ShardEntry> index_;  // sorted by tensor once the files are open
    std::vector<WeightsFile> files_;
    std::vector<std::pair<std::string, Error>> unreadable_;  // shards that could not be opened, with the reason
};

struct ShardOptions {
    int64_t max_shard_bytes = int64_t{5} << 30;  // of tensor data per file; a larger tensor gets its own file
    Metadata metadata = {{"format", "pt"}};      // required by transformers
};

class ModelWeightsWriter {
 public:
    ModelWeightsWriter(const std::filesystem::path& folder, const std::vector<TensorSpec>& specs,
                       const ShardOptions& options = {});

    void write(const Tensor& tensor);  // the next tensor, or the next part of it
    void commit();                     // after the last tensor; removes weight files of an earlier model

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
