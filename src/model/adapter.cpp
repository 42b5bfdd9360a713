#include "model/adapter.h"

#include "core/error.h"
#include "core/file_kind.h"
#include "core/mapped_file.h"
#include "files/byte_cursor.h"
#include "model/adapter_config.h"
#include "model/source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr const char* config_file = "adapter_config.json";
constexpr std::string_view made_for_another = "the adapter was made for another model";

// What the files of a format call the two halves of a pair.
struct Naming {
    std::string_view prefix, layers, a, b;
    std::string_view WeightInfo::*module;
};
constexpr Naming peft_names = {"base_model.model.", "model.layers.", ".lora_A.weight", ".lora_B.weight",
                               &WeightInfo::hugging_face},
                 gguf_names = {"", "blk.", ".weight.lora_a", ".weight.lora_b", &WeightInfo::gguf};

// The matrices that a pair may be of: those of one layer, and the output.
const std::vector<WeightInfo>& known_matrices() {
    static const std::vector<WeightInfo> matrices = [] {
        std::vector<WeightInfo> list;
        for (const WeightInfo& weight : list_weights({.layers = 1}))
            if (!weight.is_vector() && weight.kind != WeightKind::embedding) list.push_back(weight);
        return list;
    }();
    return matrices;
}

struct NamedHalf {
    int64_t layer = -1;
    const WeightInfo* matrix = nullptr;
    bool is_a = false;
};

// Of "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight"; none if it is no half of a matrix's pair.
std::optional<NamedHalf> parse_name(std::string_view name, const Naming& naming) {
    NamedHalf half;
    half.is_a = name.ends_with(naming.a);
    if (!half.is_a && !name.ends_with(naming.b)) return {};
    name.remove_suffix(half.is_a ? naming.a.size() : naming.b.size());
    if (name.starts_with(naming.prefix)) name.remove_prefix(naming.prefix.size());
    if (name.starts_with(naming.layers)) {
        name.remove_prefix(naming.layers.size());
        auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), half.layer);
        size_t digits = static_cast<size_t>(end - name.data());
        bool is_number = problem == std::errc() && half.layer >= 0 && (digits == 1 || name[0] != '0');
        if (!is_number || digits == name.size() || name[digits] != '.') return {};
        name.remove_prefix(digits + 1);
    }
    for (const WeightInfo& matrix : known_matrices())
        if (matrix.*naming.module == name && (matrix.layer < 0) == (half.layer < 0)) half.matrix = &matrix;
    return half.matrix ? std::optional(half) : std::nullopt;
}

// "model.layers.3.self_attn.q_proj", "lm_head".
std::string module_name(int64_t layer, std::string_view module) {
    return layer < 0 ? std::string(module) : fmt::format("model.layers.{}.{}", layer, module);
}

fs::path weights_of(const fs::path& folder) {
    fs::path safetensors = folder / "adapter_model.safetensors", pickled = folder / "adapter_model.bin";
    if (file_exists(safetensors)) return safetensors;
    if (file_exists(pickled)) return pickled;
    fail(ErrorKind::not_found,
         "{}: contains {} but no adapter_model.safetensors: download or copy the adapter's weights too",
         folder.string(), config_file);
}

std::string shape_of(const TensorEntry& entry) {
    return fmt::format("[{}]", fmt::join(entry.shape.begin(), entry.shape.begin() + std::min(entry.rank, 4), ", "));
}

// "owner/name", as converters write it from the model card; empty: not stated.
std::string base_of(const GgufFile& file) {
    auto text = [&file](const char* name) {
        return std::string(file.text(fmt::format("general.base_model.0.{}", name)).value_or(""));
    };
    std::string url = text("repo_url"), owner = text("organization"), name = text("name");
    for (std::string_view hub : {"https://huggingface.co/", "https://hf.co/"})
        if (url.starts_with(hub)) return url.substr(hub.size());
    return owner.empty() ? name : owner + "/" + name;
}

// Throws Error if there is none.
fs::path find_base(const Adapter& adapter, const FindModel& find) {
    std::optional<fs::path> found;
    if (!adapter.base().empty()) {
        for (const fs::path& candidate : {adapter.path() / adapter.base(), fs::path(adapter.base())})
            if (is_model(candidate)) return candidate;
        found = find ? find(adapter.base()) : std::nullopt;
        if (found && is_model(*found)) return *found;
    }
    std::string base = adapter.base().empty()
                           ? "does not name its base model"
                           : fmt::format("its base model '{}' is {}", printable(adapter.base()),
                                         found ? "neither a model folder nor a model file" : "not here");
    fail(ErrorKind::not_found, "{}: is a LoRA adapter, and {}: pass the base model, and this as its adapter",
         adapter.path().string(), base);
}

bool is_gguf_adapter(const fs::path& path) {
    return is_gguf_file(path) && GgufFile(path).text("general.type") == "adapter";
}

// Of a folder whose only GGUF file is an adapter, that file; else the path.
fs::path find_adapter_file(const fs::path& path) {
    for (const char* name : {config_file, "config.json", "params.json"})
        if (file_exists(path / name)) return path;
    std::vector<fs::path> files;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored))
        if (entry.path().extension() == ".gguf") files.push_back(entry.path());
    return files.size() == 1 && is_gguf_adapter(files[0]) ? files[0] : path;
}

}  // namespace

bool is_adapter(const fs::path& path) {
    if (file_exists(path / config_file)) return !is_model(path);  // a merged model may keep the adapter's config
    return is_gguf_adapter(find_adapter_file(path));
}

Adapter::Adapter(const fs::path& path) : path_(find_adapter_file(path)) {
    std::error_code ignored;
    if (!fs::exists(path, ignored))
        fail(ErrorKind::not_found, "{}: no such adapter: pass its folder or GGUF file", path.string());
    is_gguf_file(path_) ? read_gguf() : read_folder();
}

void Adapter::read_folder() {
    fs::path config_path = path_ / config_file;
    if (!file_exists(config_path))
        fail(ErrorKind::not_found, "{}: is no LoRA adapter: it is neither a folder with {} nor a GGUF file",
             path_.string(), config_file);
    AdapterConfig config = parse_adapter_config(MappedFile(config_path).text(), config_path.string());
    base_ = config.base;
    fs::path weights = weights_of(path_);
    weights_path_ = weights.string();
    add_pairs(file_.emplace<WeightsFile>(weights).entries(), false);
    for (StoredPair& pair : pairs_) {
        std::string module = module_name(pair.layer, pair.module);
        int64_t rank = pair.half.a->shape[0];
        if (!config.allows_rank(module, rank))
            fail(ErrorKind::damaged, "{}: tensor {} has the rank {}, but {} implies another ('r' is {})", weights_path_,
                 printable(pair.half.a->name), rank, config_file, config.rank);
        pair.scale = static_cast<float>(config.scale(module, rank));
    }
    check_targets(config.targets);
}

// Modules without a pair would be left as they are, without a word.
void Adapter::check_targets(const std::vector<std::string>& targets) const {
    std::string config = (path_ / config_file).string();
    auto is_of = [](int64_t layer, std::string_view module, std::string_view target) {
        return ends_with_part(module_name(layer, module), target) || ends_with_part(target, module);
    };
    for (const StoredPair& pair : pairs_)
        if (!targets.empty() && std::none_of(targets.begin(), targets.end(), [&](const std::string& target) {
                return is_of(pair.layer, pair.module, target);
            }))
            fail(ErrorKind::damaged, "{}: tensor {} is of a matrix that 'target_modules' in {} does not name",
                 weights_path_, printable(pair.half.a->name), config_file);
    for (const std::string& target : targets) {
        auto is_target = [&](int64_t layer, std::string_view module) { return is_of(layer, module, target); };
        bool known = std::any_of(known_matrices().begin(), known_matrices().end(), [&](const WeightInfo& matrix) {
            return is_target(matrix.layer, matrix.hugging_face);
        });
        if (!known)
            fail(ErrorKind::unsupported,
                 "{}: 'target_modules' names {}, which is no matrix of a Llama's layers: only q_proj, k_proj, v_proj, "
                 "o_proj, gate_proj, up_proj, down_proj and lm_head are supported",
                 config, printable(target));
        bool found = std::any_of(pairs_.begin(), pairs_.end(),
                                 [&](const StoredPair& pair) { return is_target(pair.layer, pair.module); });
        if (!found)
            fail(ErrorKind::damaged, "{}: 'target_modules' names {}, but {} has no tensors of it", config,
                 printable(target), weights_path_);
    }
}

void Adapter::read_gguf() {
    weights_path_ = path_.string();
    GgufFile& file = file_.emplace<GgufFile>(path_);
    std::string_view type = file.text("general.type").value_or(""), kind = file.text("adapter.type").value_or(""),
                     architecture = file.text("general.architecture").value_or("");
    if (type != "adapter")
        fail(ErrorKind::damaged, "{}: is no LoRA adapter: general.type is '{}', not 'adapter'", weights_path_,
             printable(type));
    if (constexpr const char* key = "adapter.alora.invocation_tokens"; file.find_value(key))
        fail(ErrorKind::unsupported,
             "{}: has the key '{}': it is an activated LoRA adapter; only those that always apply are supported",
             weights_path_, key);
    if (architecture != "llama" || kind != "lora")
        fail(
            ErrorKind::unsupported,
            "{}: is an adapter of the kind '{}' (adapter.type) for '{}' (general.architecture); only lora for llama is "
            "supported",
            weights_path_, printable(kind), printable(architecture));
    double alpha = file.number("adapter.lora.alpha").value_or(0);
    if (!(std::abs(alpha) < 1e9))
        fail(ErrorKind::damaged, "{}: adapter.lora.alpha is {}; it must be below 1e9", weights_path_, alpha);
    neighbors_ = true;
    base_ = base_of(file);
    add_pairs(file.entries(), true);
    for (StoredPair& pair : pairs_)  // 0: the scale is in the numbers
        pair.scale = static_cast<float>(alpha == 0 ? 1 : alpha / static_cast<double>(pair.half.a->shape[0]));
}

void Adapter::add_pairs(std::span<const TensorEntry> entries, bool gguf) {
    const Naming& naming = gguf ? gguf_names : peft_names;
    std::map<std::pair<int64_t, const WeightInfo*>, Half> halves;
    for (const TensorEntry& entry : entries) {
        std::optional<NamedHalf> named = parse_name(entry.name, naming);
        if (!named)
            fail(ErrorKind::unsupported,
                 "{}: tensor {} is no half of a pair ({}, {}) of a Llama's matrix: only LoRA adapters of matrices are "
                 "supported",
                 weights_path_, printable(entry.name), naming.a.substr(1), naming.b.substr(1));
        if (!has_plain_dtype(entry) && !(entry.dtype && is_block_type(*entry.dtype)))
            fail(ErrorKind::unsupported,
                 "{}: tensor {} is {}; F32, F16, BF16 and the quantized types of this version "
                 "are supported: convert the adapter",
                 weights_path_, printable(entry.name), printable(entry.dtype_name));
        if (entry.rank != 2 || entry.shape[0] < 1 || entry.shape[1] < 1)
            fail(ErrorKind::damaged, "{}: tensor {} has the shape {}; it must be a matrix", weights_path_,
                 printable(entry.name), shape_of(entry));
        Half& half = halves[{named->layer, named->matrix}];
        const TensorEntry*& slot = named->is_a ? half.a : half.b;
        if (slot)
            fail(ErrorKind::damaged, "{}: tensors {} and {} are the same half of a pair: the file is malformed",
                 weights_path_, printable(slot->name), printable(entry.name));
        slot = &entry;
    }
    for (const auto& [key, half] : halves) {
        if (!half.a || !half.b)
            fail(ErrorKind::damaged, "{}: tensor {} has no other half ({}): the file is damaged or malformed",
                 weights_path_, printable((half.a ? half.a : half.b)->name), (half.a ? naming.b : naming.a).substr(1));
        if (half.a->shape[0] != half.b->shape[1])
            fail(ErrorKind::damaged, "{}: tensor {} has the shape {} and {} {}: their ranks differ", weights_path_,
                 printable(half.a->name), shape_of(*half.a), naming.b.substr(1), shape_of(*half.b));
        pairs_.push_back({key.first, key.second->hugging_face, half});
    }
    if (pairs_.empty()) fail(ErrorKind::damaged, "{}: has no tensors", weights_path_);
}

int64_t Adapter::parameters() const {
    int64_t count = 0;
    for (const StoredPair& pair : pairs_)
        count += pair.half.a->shape[0] * (pair.half.a->shape[1] + pair.half.b->shape[0]);
    return count;
}

Tensor Adapter::tensor(const TensorEntry& entry) {
    WeightsFile* weights = std::get_if<WeightsFile>(&file_);
    return weights ? weights->tensor(entry) : std::get<GgufFile>(file_).tensor(entry);
}

AdapterPair Adapter::fit(const StoredPair& pair, const WeightInfo& matrix) {
    const auto& [a, b] = pair.half;
    for (auto [half, size, expected] : {std::tuple(a, a->shape[1], matrix.columns), {b, b->shape[0], matrix.rows}})
        if (size != expected)
            fail(ErrorKind::damaged, "{}: tensor {} has the shape {}, but the base's matrix is [{}, {}]: {}",
                 weights_path_, printable(half->name), shape_of(*half), matrix.rows, matrix.columns, made_for_another);
    return {.matrix = matrix, .a = {.parts = {tensor(*a)}}, .b = {.parts = {tensor(*b)}}, .scale = pair.scale};
}

std::vector<AdapterPair> Adapter::pairs(const Config& base) {
    std::vector<AdapterPair> list;
    std::map<std::pair<int64_t, std::string_view>, WeightInfo> matrices;
    for (const WeightInfo& weight : list_weights(base))
        if (!weight.is_vector()) matrices[{weight.layer, weight.hugging_face}] = weight;
    for (const StoredPair& pair : pairs_) {
        auto at = matrices.find({pair.layer, pair.module});
        if (at == matrices.end())
            fail(ErrorKind::damaged, "{}: tensor {} is of layer {}, but the base has {} layers: {}", weights_path_,
                 printable(pair.half.a->name), pair.layer, base.layers, made_for_another);
        list.push_back(fit(pair, at->second));
        if (neighbors_ && at->second.rotary) list.back().b.neighbor_head = base.head_dim;
    }
    return list;
}

AdaptedModel find_adapted(const fs::path& model, const std::vector<std::string>& adapters, const FindModel& find) {
    AdaptedModel found{model, {}};
    if (is_adapter(model)) found.path = find_base(found.adapters.emplace_back(model), find);
    for (const std::string& adapter : adapters) found.adapters.emplace_back(adapter);
    return found;
}

}  // namespace puna
