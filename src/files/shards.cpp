#include "files/shards.h"

#include <algorithm>

namespace puna {

namespace {

struct Form {
    std::string_view file, index, extension;  // of the file, or of the shards that the index lists
};
constexpr Form forms[] = {{"model.safetensors", "model.safetensors.index.json", ".safetensors"},
                          {"pytorch_model.bin", "pytorch_model.bin.index.json", ".bin"}};

}  // namespace

bool has_weights(const std::filesystem::path& folder) {
    return std::any_of(std::begin(forms), std::end(forms), [&](const Form& form) {
        return file_exists(folder / form.file) || file_exists(folder / form.index);
    });
}

ModelWeights::ModelWeights(const std::filesystem::path& folder) : folder_(folder) {
    for (const Form& form : forms) {
        if (file_exists(folder / form.file)) {
            files_.emplace_back(folder / form.file);
            return;
        }
        std::filesystem::path index = folder / form.index;
        if (!file_exists(index)) continue;
        index_file_ = form.index;
        index_ = parse_shard_index(MappedFile(index).text(), index.string(), form.extension);
        open_shards();
        return;
    }
    fail(ErrorKind::not_found, "{}: contains neither {} nor {}: pass a model folder in Hugging Face format",
         folder.string(), forms[0].file, forms[0].index);
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
             index_file_, previous);
    std::sort(index_.begin(), index_.end(),
              [](const ShardEntry& a, const ShardEntry& b) { return a.tensor < b.tensor; });
}

std::string_view ModelWeights::file_in_index(std::string_view tensor) const {
    auto at = std::lower_bound(index_.begin(), index_.end(), tensor,
                               [](const ShardEntry& entry, std::string_view wanted) { return entry.tensor < wanted; });
    return at != index_.end() && at->tensor == tensor ? std::string_view(at->file) : std::string_view();
}

const TensorEntry* ModelWeights::find(std::string_view name) const {
    std::string_view listed = file_in_index(name);  // of the others' tensors none has to be this one
    for (const WeightsFile& file : files_) {
        const TensorEntry* entry = file.find(name);
        if (entry && (listed.empty() || file.path().filename() == listed)) return entry;
    }
    return nullptr;
}

Tensor ModelWeights::tensor(std::string_view name) {
    const TensorEntry* found = find(name);
    for (WeightsFile& file : files_)
        if (found && file.find(name) == found) return file.tensor(*found);
    fail_missing(name, "download or copy the weights again");
}

Tensor ModelWeights::view(std::string_view name) const {
    const TensorEntry* found = find(name);
    for (const WeightsFile& file : files_)
        if (found && file.find(name) == found) return file.view(*found);
    fail_missing(name, "download or copy the weights again");
}

void ModelWeights::fail_missing(std::string_view name, std::string_view remedy) const {
    std::string_view file = file_in_index(name);
    for (const auto& [unreadable, reason] : unreadable_)
        if (file.empty() || file == unreadable) throw Error(reason);
    if (file.empty())
        fail(ErrorKind::not_found, "{}: tensor {} is missing: {}", folder_.string(), printable(name), remedy);
    fail(ErrorKind::not_found, "{}: tensor {} is missing: {} lists it in {}, {}: download or copy that file again",
         folder_.string(), printable(name), index_file_, file,
         file_exists(folder_ / file) ? "which does not contain it" : "which does not exist");
}

}  // namespace puna
