#include "core/json_text.h"
#include "files/shards.h"

#include <algorithm>
#include <map>

namespace puna {

namespace {

constexpr std::string_view single_file = "model.safetensors", index_file = "model.safetensors.index.json";

bool is_shard_name(std::string_view name) {
    return name.starts_with("model-") && name.ends_with(".safetensors") && name.find("-of-") != name.npos;
}

}  // namespace

ModelWeightsWriter::ModelWeightsWriter(const std::filesystem::path& folder, const std::vector<TensorSpec>& specs,
                                       const ShardOptions& options)
    : folder_(folder), options_(options), shards_(1) {
    make_folder(folder);
    int64_t bytes = 0;
    for (const TensorSpec& spec : specs) {
        if (!shards_.back().specs.empty() && bytes + spec.bytes() > options.max_shard_bytes) {
            shards_.emplace_back();
            bytes = 0;
        }
        shards_.back().specs.push_back(spec);
        bytes += spec.bytes();
    }
    for (size_t i = 0; i < shards_.size(); ++i)
        shards_[i].file = shards_.size() == 1 ? std::string(single_file)
                                              : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards_.size());
    open_next();
}

void ModelWeightsWriter::open_next() {
    if (writer_) writer_->commit();
    writer_.reset();
    if (next_shard_ == shards_.size()) return;
    const Shard& shard = shards_[next_shard_++];
    writer_ = std::make_unique<SafetensorsWriter>(folder_ / shard.file, shard.specs, options_.metadata);
    left_in_shard_ = shard.specs.size();
}

void ModelWeightsWriter::write(const Tensor& tensor) {
    if (left_in_shard_ == 0) open_next();
    check(writer_ != nullptr, "write: {} was not declared", tensor);
    if (writer_->write(tensor)) --left_in_shard_;
}

void ModelWeightsWriter::commit() {
    check(left_in_shard_ == 0 && next_shard_ == shards_.size(), "{}: declared tensors were not written",
          folder_.string());
    open_next();
    if (shards_.size() > 1) write_index();
    remove_earlier();
}

void ModelWeightsWriter::write_index() const {
    std::map<std::string_view, std::string_view> files;
    int64_t total = 0;
    for (const Shard& shard : shards_)
        for (const TensorSpec& spec : shard.specs) {
            files[spec.name] = shard.file;
            total += spec.bytes();
        }
    JsonObject map;
    for (const auto& [tensor, file] : files) map.add(tensor, file);
    JsonObject index{{"metadata", JsonObject{{"total_size", total}}}, {"weight_map", map}};
    write_file(folder_ / index_file, indent_json(index.text(), 2) + "\n");
}

// Weight files of an earlier model under other names could be read instead of the new ones, and waste disk space.
void ModelWeightsWriter::remove_earlier() const {
    auto is_current = [this](const std::string& name) {
        if (name == index_file) return shards_.size() > 1;
        return std::any_of(shards_.begin(), shards_.end(), [&](const Shard& shard) { return shard.file == name; });
    };
    std::vector<std::string> names;
    for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(folder_))
        names.push_back(entry.path().filename().string());
    for (const std::string& name : names) {
        bool is_weight_file = name == single_file || name == index_file || is_shard_name(name);
        if (!is_weight_file || is_current(name)) continue;
        std::error_code problem;
        std::filesystem::remove(folder_ / name, problem);
        if (problem)
            fail("{}: left over from an earlier model and cannot be removed: {}", (folder_ / name).string(),
                 problem.message());
    }
    sync_folder(folder_);
}

}  // namespace puna
