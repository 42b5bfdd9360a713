#include "files/shards.h"

#include <algorithm>

namespace puna {

namespace {

constexpr std::string_view single_file = "model.safetensors", index_file = "model.safetensors.index.json";

}  // namespace

ModelWeights::ModelWeights(const std::filesystem::path& folder) : folder_(folder) {
    if (file_exists(folder / single_file)) {
        files_.emplace_back(folder / single_file);
        return;
    }
    std::filesystem::path index = folder / index_file;
    if (!file_exists(index))
        fail(ErrorKind::not_found, "{}: contains neither {} nor {}: pass a model folder in Hugging Face format",
             folder.string(), single_file, index_file);
    index_ = parse_shard_index(MappedFile(index).text(), index.string());
    open_shards();
}

// Opens the files listed in the index that exist; throws Error if none does.
void ModelWeights::open_shards() {
    std::string_view previous;
    for (const ShardEntry& entry : index_) {  // sorted by file
        if (entry.file == previous) continue;
        previous = entry.file;
        if (!file_exists(folder_ / previous)) continue;
        try {
            files_.emplace_back(folder_ / previous);
        } catch (const Error& problem) {  // nobody may need its tensors
            unreadable_.emplace_back(previous, problem);
        }
    }
    if (files_.empty() && unreadable_.empty() && !previous.empty())
        fail(ErrorKind::not_found,
             "{}: none of the files listed in {} exists, for example {}: download or copy them again", folder_.string(),
             index_file, previous);
}

std::string_view ModelWeights::file_in_index(std::string_view tensor) const {
    for (const ShardEntry& entry : index_)
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
    fail_missing(name, "download or copy the weights again");
}

void ModelWeights::fail_missing(std::string_view name, std::string_view remedy) const {
    std::string_view file = file_in_index(name);
    for (const auto& [unreadable, reason] : unreadable_)
        if (file.empty() || file == unreadable) throw Error(reason);
    if (file.empty())
        fail(ErrorKind::not_found, "{}: tensor {} is missing: {}", folder_.string(), printable(name), remedy);
    fail(ErrorKind::not_found, "{}: tensor {} is missing: {} lists it in {}, {}: download or copy that file again",
         folder_.string(), printable(name), index_file, file,
         file_exists(folder_ / file) ? "which does not contain it" : "which does not exist");
}

}  // namespace puna
