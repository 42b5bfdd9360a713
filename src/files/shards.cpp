#include "files/shards.h"

#include "files/shard_index.h"

#include <algorithm>

namespace puna {

namespace {

constexpr std::string_view single_file = "model.safetensors", index_file = "model.safetensors.index.json";

// The index's tensors of one file and the file's own, both sorted by name, must be the same.
void compare(std::span<const ShardEntry> expected, const SafetensorsFile& file) {
    for (const ShardEntry& entry : expected)
        if (!file.find(entry.tensor))
            fail("{}: tensor '{}', which {} says is here, is missing: fetch or copy the file again",
                 file.path().string(), printable(entry.tensor), index_file);
    if (file.entries().size() == expected.size()) return;
    for (const TensorEntry& entry : file.entries()) {
        bool named = std::binary_search(expected.begin(), expected.end(), ShardEntry{entry.name, {}},
                                        [](const ShardEntry& a, const ShardEntry& b) { return a.tensor < b.tensor; });
        if (!named)
            fail("{}: tensor '{}' is not in {}: fetch or copy both again", file.path().string(), printable(entry.name),
                 index_file);
    }
}

std::vector<SafetensorsFile> open_shards(const std::filesystem::path& folder, const std::filesystem::path& index_path) {
    MappedFile text(index_path);
    ShardIndex index = parse_shard_index(text.text(), index_path.string());
    std::vector<SafetensorsFile> files;
    for (size_t first = 0, last; first < index.entries.size(); first = last) {
        std::string_view name = index.entries[first].file;
        for (last = first + 1; last < index.entries.size() && index.entries[last].file == name;) ++last;
        files.emplace_back(folder / name);
        compare(std::span(index.entries).subspan(first, last - first), files.back());
    }
    return files;
}

}  // namespace

ModelWeights::ModelWeights(const std::filesystem::path& folder) : folder_(folder) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / single_file, ignored)) {
        files_.emplace_back(folder / single_file);
        return;
    }
    std::filesystem::path index = folder / index_file;
    if (!std::filesystem::exists(index, ignored))
        fail("{}: neither {} nor {} is there: name the folder of a model in Hugging Face's form", folder.string(),
             single_file, index_file);
    files_ = open_shards(folder, index);
}

const TensorEntry* ModelWeights::find(std::string_view name) const {
    for (const SafetensorsFile& file : files_)
        if (const TensorEntry* entry = file.find(name)) return entry;
    return nullptr;
}

Tensor ModelWeights::tensor(std::string_view name) {
    for (SafetensorsFile& file : files_)
        if (const TensorEntry* entry = file.find(name)) return file.tensor(*entry);
    fail("{}: the model has no tensor '{}'", folder_.string(), printable(name));
}

}  // namespace puna
