#include "files/shards.h"

#include <algorithm>

namespace puna {

namespace {

constexpr std::string_view single_file = "model.safetensors", index_file = "model.safetensors.index.json";

bool file_exists(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

// Opens the files listed in the index that exist; throws Error if none does.
std::vector<SafetensorsFile> open_shards(const std::filesystem::path& folder, const ShardIndex& index) {
    std::vector<SafetensorsFile> files;
    std::string_view previous;
    for (const ShardEntry& entry : index.entries) {  // sorted by file
        if (entry.file == previous) continue;
        previous = entry.file;
        if (file_exists(folder / previous)) files.emplace_back(folder / previous);
    }
    if (files.empty() && !previous.empty())
        fail("{}: none of the files listed in {} exists, for example {}: download or copy them again", folder.string(),
             index_file, previous);
    return files;
}

}  // namespace

ModelWeights::ModelWeights(const std::filesystem::path& folder) : folder_(folder) {
    if (file_exists(folder / single_file)) {
        files_.emplace_back(folder / single_file);
        return;
    }
    std::filesystem::path index = folder / index_file;
    if (!file_exists(index))
        fail("{}: contains neither {} nor {}: pass a model folder in Hugging Face format", folder.string(), single_file,
             index_file);
    index_text_.emplace(index);
    index_ = parse_shard_index(index_text_->text(), index.string());
    files_ = open_shards(folder, *index_);
}

std::string_view ModelWeights::file_in_index(std::string_view tensor) const {
    if (!index_) return {};
    for (const ShardEntry& entry : index_->entries)
        if (entry.tensor == tensor) return entry.file;
    return {};
}

const TensorEntry* ModelWeights::find(std::string_view name) const {
    const TensorEntry* found = nullptr;
    for (const SafetensorsFile& file : files_) {
        const TensorEntry* entry = file.find(name);
        if (entry && (!found || file.path().filename() == file_in_index(name))) found = entry;
    }
    return found;
}

Tensor ModelWeights::tensor(std::string_view name) {
    const TensorEntry* found = find(name);
    for (SafetensorsFile& file : files_)
        if (found && file.find(name) == found) return file.tensor(*found);
    fail_missing(name);
}

void ModelWeights::fail_missing(std::string_view name) const {
    std::string_view file = file_in_index(name);
    if (file.empty()) fail("{}: tensor {} is missing", folder_.string(), printable(name));
    fail("{}: tensor {} is missing: {} lists it in {}, {}: download or copy that file again", folder_.string(),
         printable(name), index_file, file,
         file_exists(folder_ / file) ? "which does not contain it" : "which does not exist");
}

}  // namespace puna
