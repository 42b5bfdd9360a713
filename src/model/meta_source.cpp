// A folder in Meta's format: params.json, consolidated.00.pth and, of a model that is split for tensor parallelism,
// further such files, and tokenizer.model.
//
// Of a split model, each file has a part of every matrix. In the files of Llama 3.1 405B for 16 processes there are 16
// key/value heads, of which two neighbors are always equal: it has 8.
#include "core/checked.h"
#include "core/error.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "files/torch_file.h"
#include "model/meta_params.h"
#include "model/source.h"
#include "tokenizer/files.h"

#include <fmt/format.h>

#include <cstring>

namespace puna {

namespace {

namespace fs = std::filesystem;

// consolidated.00.pth; others, as a copy of it, are not part of the model.
bool is_weights_name(std::string_view name) {
    constexpr std::string_view first = "consolidated.00.pth";
    constexpr size_t digits_at = 13, digits = 2;
    auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return name.size() == first.size() && name.starts_with(first.substr(0, digits_at)) &&
           name.ends_with(first.substr(digits_at + digits)) && is_digit(name[digits_at]) &&
           is_digit(name[digits_at + 1]);
}

fs::path weights_path(const fs::path& folder, size_t number) {
    return folder / fmt::format("consolidated.{:02}.pth", number);
}

size_t count_weights_files(const fs::path& folder) {
    std::error_code ignored;
    size_t count = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
        count += is_weights_name(entry.path().filename().string());
    return count;
}

std::vector<TorchFile> open_files(const fs::path& folder) {
    std::vector<TorchFile> files;
    size_t count = count_weights_files(folder);
    if (count == 0)
        fail(ErrorKind::not_found, "{}: contains params.json but no consolidated.00.pth: download or copy it too",
             folder.string());
    for (size_t i = 0; i < count; ++i) {
        if (!file_exists(weights_path(folder, i)))
            fail(ErrorKind::not_found, "{}: is missing, but there are others: download or copy it too",
                 weights_path(folder, i).string());
        files.emplace_back(weights_path(folder, i));
    }
    return files;
}

const TensorEntry& find_tensor(const TorchFile& file, std::string_view name) {
    if (const TensorEntry* entry = file.find(name)) return *entry;
    fail(ErrorKind::not_found,
         "{}: tensor {} is missing: download or copy the weights again, or the params.json of these weights",
         file.path().string(), name);
}

// Of a params.json that does not say it. The embedding is split by rows in Llama 3's files, by columns in earlier ones.
int64_t stored_vocabulary(const std::vector<TorchFile>& files) {
    const TensorEntry &embedding = find_tensor(files[0], "tok_embeddings.weight"),
                      &norm = find_tensor(files[0], "norm.weight");
    bool by_rows = embedding.shape[1] == norm.shape[0];
    return checked_multiply(embedding.shape[0], by_rows ? static_cast<int64_t>(files.size()) : 1).value_or(0);
}

Config read_meta_config(const fs::path& folder, const std::vector<TorchFile>& files) {
    fs::path params = folder / "params.json";
    if (!file_exists(params))
        fail(ErrorKind::not_found, "{}: contains {} but no params.json: download or copy it too", folder.string(),
             files[0].path().filename().string());
    Config config = parse_meta_params(MappedFile(params).text(), params.string(), stored_vocabulary(files));
    config.tied = !files[0].find("output.weight");
    return config;
}

class MetaSource : public ModelSource {
 public:
    MetaSource(const fs::path& folder, std::vector<TorchFile> files)
        : ModelSource(folder, "params.json", read_meta_config(folder, files)), files_(std::move(files)) {
        if (files_.size() > 1) find_copied_heads();
    }

    StoredWeight weight(const WeightInfo& weight) override {
        return of_one_copy(weight, [](TorchFile& file, const TensorEntry& entry) { return file.tensor(entry); });
    }
    StoredWeight inspect(const WeightInfo& weight) override { return of_one_copy(weight, view_of); }

    std::string format() const override { return "Meta"; }
    std::string stored_name(const WeightInfo& weight) const override { return name_of(weight); }

    std::vector<std::string_view> tensor_names() override {
        std::vector<std::string_view> names;
        for (const TensorEntry& entry : files_[0].entries())
            if (!entry.name.ends_with("rope.freqs")) names.push_back(entry.name);
        return names;
    }

    Tokenizer tokenizer() const override {
        Tokenizer tokenizer = load_tokenizer(path(), config().vocabulary);
        if (tokenizer.size() > config().vocabulary)
            fail(ErrorKind::damaged,
                 "{}: the tokenizer has {} tokens, but the embedding {} rows: one of the two belongs to another model",
                 path().string(), tokenizer.size(), config().vocabulary);
        return tokenizer;
    }
    ChatTemplateText chat_template(const Tokenizer& tokenizer) const override {
        return read_chat_template(path(), tokenizer);
    }
    NamedText generation_config() const override { return {}; }  // the defaults are Meta's

 private:
    static Tensor view_of(TorchFile& file, const TensorEntry& entry) { return file.view(entry); }

    // get: the tensor of an entry.
    template <class Get>
    StoredWeight of_one_copy(const WeightInfo& weight, Get get) {
        bool has_kv_heads = weight.name == "attention.wk" || weight.name == "attention.wv";
        if (copies_ == 1 || !has_kv_heads) return stored_weight(weight, get);
        WeightInfo with_copies = weight;
        with_copies.rows *= copies_;
        return without_copies(stored_weight(with_copies, get), stored_name(weight));
    }

    // With all heads that the files have.
    template <class Get>
    StoredWeight stored_weight(const WeightInfo& weight, Get get) {
        std::string name = stored_name(weight);
        StoredWeight stored{.joined = split_of(find_tensor(files_[0], name), weight)};
        if (weight.rotary) stored.neighbor_head = config().head_dim;
        std::vector<int64_t> shape = part_shape(weight, stored.joined);
        for (TorchFile& file : files_) {
            const TensorEntry& entry = find_tensor(file, name);
            if (!has_shape(entry, shape)) fail_shape(entry, shape, file.path().string());
            check_dtype(entry, file.path().string());
            if (entry.dtype != find_tensor(files_[0], name).dtype)
                fail(ErrorKind::damaged, "{}: tensor {} is {}, unlike in the other files: they belong to two models",
                     file.path().string(), name, entry.dtype_name);
            if (stored.parts.empty() || stored.joined != Split::none) stored.parts.push_back(get(file, entry));
        }
        return stored;
    }

    // The files have c equal key/value heads in place of each, for the largest such c: the keys of layer 0 decide.
    // params.json states the number of all heads, or of those that differ.
    void find_copied_heads() {
        std::vector<WeightInfo> weights = list_weights(config_);
        stored_weight(weights[0], view_of);  // whether the set of files is complete shows in the embedding
        int64_t stored = stored_kv_heads();
        WeightInfo keys = weights[2];
        keys.rows = stored * config_.head_dim;
        std::vector<Tensor> heads = heads_of(stored_weight(keys, view_of));
        for (int64_t c = stored; c > 1 && std::ssize(heads) == stored; --c)
            if (stored % c == 0 && !unlike_head(heads, c)) {
                copies_ = c;
                config_.kv_heads = stored / c;
                log_info("{}: every {} key/value heads are equal: {} are used", path().string(), c, config_.kv_heads);
                return;
            }
    }

    int64_t stored_kv_heads() const {
        const TensorEntry& keys = find_tensor(files_[0], "layers.0.attention.wk.weight");
        if (keys.rank != 2 || keys.shape[1] != config_.dim) return config_.kv_heads;
        int64_t heads = keys.shape[0] / config_.head_dim * std::ssize(files_);
        return heads > 0 && config_.heads % heads == 0 && heads % config_.kv_heads == 0 ? heads : config_.kv_heads;
    }

    StoredWeight without_copies(const StoredWeight& stored, std::string_view name) const {
        std::vector<Tensor> heads = heads_of(stored), kept;
        if (std::optional<int64_t> head = unlike_head(heads, copies_))
            fail(ErrorKind::unsupported,
                 "{}: head {} of tensor {} differs from the one before it, but in the keys of layer 0 every {} heads "
                 "are equal: the model was changed after it was split",
                 path().string(), *head, name, copies_);
        for (size_t i = 0; i < heads.size(); i += static_cast<size_t>(copies_)) kept.push_back(heads[i]);
        return {.parts = kept, .joined = Split::rows, .neighbor_head = stored.neighbor_head};
    }

    // The first head that is not equal to the one before it in its group of `size`.
    static std::optional<int64_t> unlike_head(const std::vector<Tensor>& heads, int64_t size) {
        for (int64_t i = 0; i < std::ssize(heads); ++i) {
            if (i % size == 0) continue;
            Tensor head = heads[static_cast<size_t>(i)], before = heads[static_cast<size_t>(i - 1)];
            if (std::memcmp(head.data, before.data, static_cast<size_t>(head.bytes())) != 0) return i;
        }
        return {};
    }

    // The rows of each key/value head; none where a head is in two files.
    std::vector<Tensor> heads_of(const StoredWeight& stored) const {
        std::vector<Tensor> heads;
        for (Tensor part : stored.parts) {
            if (part.size[0] % config_.head_dim != 0) return {};
            for (int64_t row = 0; row < part.size[0]; row += config_.head_dim)
                heads.push_back(part.slice(row, config_.head_dim));
        }
        return heads;
    }

    // How the parts of a weight make the whole: norms are in every file, matrices are split.
    Split split_of(const TensorEntry& first, const WeightInfo& weight) const {
        for (Split split : {Split::none, Split::rows, Split::columns})
            if (has_shape(first, part_shape(weight, split))) {
                if (split == Split::none && !weight.is_vector()) reject_further_files();
                return split;
            }
        if (weight.kind == WeightKind::embedding) reject_incomplete(first, weight);
        fail_shape(first, weight.shape(), files_[0].path().string());
    }

    // A whole matrix is in the first file: it is the whole model, and others are of another one, or copies.
    void reject_further_files() const {
        if (files_.size() > 1)
            fail(ErrorKind::damaged, "{}: holds a whole model, but there is {} too: remove it from the folder",
                 files_[0].path().string(), files_[1].path().filename().string());
    }

    // The last files of a set may be missing: nothing names them. Noticed at the embedding, which is loaded first.
    void reject_incomplete(const TensorEntry& first, const WeightInfo& weight) const {
        if (first.rank != 2 || first.shape[0] < 1 || first.shape[1] < 1) return;
        int64_t needed = weight.rows / first.shape[0] * (weight.columns / first.shape[1]);
        bool is_part = first.shape[0] == weight.rows || first.shape[1] == weight.columns;
        if (is_part && needed > static_cast<int64_t>(files_.size()))
            fail(ErrorKind::not_found,
                 "{}: tensor {} is one of {} parts, but the folder has {}: download or copy the other files "
                 "consolidated.NN.pth too",
                 files_[0].path().string(), printable(first.name), needed,
                 format_count(static_cast<int64_t>(files_.size()), "file"));
    }

    std::vector<int64_t> part_shape(const WeightInfo& weight, Split split) const {
        std::vector<int64_t> shape = weight.shape();
        int64_t parts = static_cast<int64_t>(files_.size());
        size_t size = split == Split::columns ? 1 : 0;
        if (split != Split::none && shape.size() == 2 && shape[size] % parts == 0) shape[size] /= parts;
        return shape;
    }

    std::vector<TorchFile> files_;
    int64_t copies_ = 1;  // equal key/value heads in the files for each of the model
};

bool matches_meta(const fs::path& folder) {
    return file_exists(folder / "params.json") || count_weights_files(folder) > 0;
}

std::shared_ptr<ModelSource> open_meta(const fs::path& folder) {
    return std::make_shared<MetaSource>(folder, open_files(folder));
}

}  // namespace

const ModelFormat meta_format = {matches_meta, open_meta};

}  // namespace puna
