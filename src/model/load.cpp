#include "model/load.h"

#include "core/atomic_file.h"
#include "core/checked.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "kernels/arena.h"
#include "kernels/host_copy.h"
#include "model/convert_tensor.h"

#include <set>

namespace puna {

namespace {

// Converts a tensor of a mapped file into the memory of the kernels; `copies` is used where they cannot read the file.
void convert_mapped(const Kernels& kernels, Tensor to, Tensor mapped, Arena& copies) {
    size_t bytes = static_cast<size_t>(mapped.bytes());
    if (to.dtype == mapped.dtype) return kernels.copy({}, to.data, mapped.data, bytes);
    Arena::Mark mark = copies.mark();
    if (!kernels.memory.mapped_files) {
        Tensor copy = copies.tensor(mapped.dtype, {mapped.count()});
        kernels.copy({}, copy.data, mapped.data, bytes);
        mapped = copy;
    }
    convert_tensor(kernels, to, mapped, copies);
    kernels.synchronize({});
    copies.rewind(mark);
}

// Copies this rank's shard, converting to the dtype of `to`.
void copy_shard(const Llama& llama, Tensor to, const StoredWeight& stored, Split split, Arena& copies) {
    int64_t rank = llama.group.rank(), row = split == Split::rows ? rank * to.size[0] : 0,
            column = split == Split::columns ? rank * to.columns() : 0;
    for_each_piece(stored, row, column, to,
                   [&](Tensor piece, Tensor from) { convert_mapped(llama.kernels, piece, from, copies); });
}

// Replaces vectors stored in 16 bits by f32 copies.
void convert_vectors(Llama& llama) {
    visit(llama.config, llama, [&llama](auto& weight, const WeightInfo& info) {
        Param& param = param_of(weight);
        if (!info.is_vector() || param.weight.dtype == Dtype::f32) return;
        Tensor stored = param.weight;
        param.weight.dtype = Dtype::f32;
        allocate_weight(llama, param);
        llama.kernels.convert({}, param.weight, stored);
    });
}

// Whether all weights are copied.
bool copies_all(const Kernels& kernels, const LoadOptions& options) {
    return options.trainable || options.dtype || options.group.size() > 1 || !kernels.memory.mapped_files;
}

// Rows are whole blocks.
int64_t bytes_in(Dtype dtype, const WeightInfo& weight) {
    int64_t columns = weight.is_vector() ? 1 : round_up(weight.columns, info(dtype).block);
    return bytes_of(dtype, weight.rows * columns).value_or(max_weight_bytes);
}

// Parts of the names of tensors without which a model answers differently.
constexpr std::pair<std::string_view, std::string_view> foreign_parts[] = {
    {"q_norm", "queries that are normalized"},
    {"k_norm", "keys that are normalized"},
    {"sinks", "attention sinks"},
    {"_exps", "a mixture of experts"},
    {".experts.", "a mixture of experts"},
    {"lora_", "a LoRA adapter that is not merged"}};

// A file with more than the model has may be one of another architecture.
void warn_of_unused(ModelSource& source) {
    std::set<std::string, std::less<>> used;
    for (const WeightInfo& weight : list_weights(source.config())) used.insert(source.stored_name(weight));
    int64_t unused = 0;
    std::string_view example;
    for (std::string_view name : source.tensor_names())
        if (!used.contains(name) && ++unused == 1) example = name;
    if (unused > 0)
        log_warning("{}: ignored {} that a Llama does not have, such as {}", source.path().string(),
                    format_count(unused, "tensor"), printable(example));
}

}  // namespace

void check_tensors(ModelSource& source) {
    Config more = source.config();
    int64_t extra = more.layers++;
    std::vector<std::string_view> names = source.tensor_names();
    std::set<std::string_view> stored(names.begin(), names.end());
    for (std::string_view name : names)
        for (auto [part, meaning] : foreign_parts)
            if (name.find(part) != name.npos)
                fail(ErrorKind::unsupported, "{}: has tensor {}, of {}: only a plain LlamaForCausalLM is supported",
                     source.path().string(), printable(name), meaning);
    for (const WeightInfo& info : list_weights(more))
        if (std::string name = source.stored_name(info); info.layer == extra && stored.contains(name))
            fail(ErrorKind::damaged, "{}: has tensor {}, but {} implies {}: one of the two belongs to another model",
                 source.path().string(), printable(name), source.config_name(), format_count(extra, "layer"));
}

void check_column_split(std::string_view name, Dtype dtype, int64_t columns, int64_t processes,
                        std::string_view folder) {
    if (!bytes_of(dtype, columns / processes))
        fail(
            ErrorKind::usage,
            "{}: tensor {} cannot be split over {} processes: {} columns are not whole blocks of {} ({} elements): use "
            "fewer",
            folder, name, processes, columns / processes, info(dtype).name, info(dtype).block);
}

Config load_config(const std::filesystem::path& folder) { return open_model(folder)->config(); }

std::vector<HeldWeight> planned_weights(const Config& config, Dtype dtype) {
    std::vector<HeldWeight> held;
    for (const WeightInfo& weight : list_weights(config)) {
        if (weight.kind == WeightKind::output && config.tied) continue;
        held.push_back({bytes_in(weight.is_vector() ? Dtype::f32 : dtype, weight)});
    }
    return held;
}

std::vector<HeldWeight> held_weights(const Kernels& kernels, ModelSource& source, std::optional<Dtype> dtype) {
    bool copies = copies_all(kernels, {.dtype = dtype});
    std::vector<HeldWeight> held;
    for (const WeightInfo& weight : list_weights(source.config())) {
        if (weight.kind == WeightKind::output && source.config().tied) continue;
        StoredWeight stored = source.inspect(weight);
        Dtype type = weight.is_vector() ? Dtype::f32 : dtype.value_or(stored.parts[0].dtype);
        bool mapped = !copies && stored.is_view() && type == stored.parts[0].dtype && is_aligned(stored.parts[0]);
        held.push_back({bytes_in(type, weight), mapped});
    }
    return held;
}

Llama load_llama(const Kernels& kernels, const std::filesystem::path& folder, const LoadOptions& options) {
    return load_llama(kernels, open_model(folder), options);
}

Llama load_llama(const Kernels& kernels, const std::shared_ptr<ModelSource>& source, const LoadOptions& options) {
    check_tensors(*source);
    Llama llama(kernels, source->config(), options.group);
    bool copies = copies_all(kernels, options), as_stored = !options.dtype && !options.trainable;
    Arena arena(kernels);
    if (!as_stored) allocate_weights(llama, options);
    MappingWatch files;
    Progress progress("loading", static_cast<int64_t>(llama.params().size()), "tensors");
    visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
        Param& param = param_of(weight);
        progress.advance(1);
        if (is_tied_output(llama, &param)) return;
        StoredWeight stored = source->weight(info);
        for (const Tensor& each : stored.parts) files.add(each.data);
        Tensor part = stored.parts[0];
        if (info.split == Split::columns)
            check_column_split(source->stored_name(info), part.dtype, info.columns, llama.group.size(),
                               source->path().string());
        if (!copies && stored.is_view()) {
            param.weight = part;
            param.memory = source;
            return;
        }
        if (as_stored) {
            param.weight.dtype = info.is_vector() ? Dtype::f32 : part.dtype;
            allocate_weight(llama, param);
        }
        copy_shard(llama, param.master ? param.master : param.weight, stored, info.split, arena);
        for (const Tensor& copied : stored.parts)
            drop_mapped_pages({static_cast<const std::byte*>(copied.data), static_cast<size_t>(copied.bytes())});
    });
    if (options.group.rank() == 0) warn_of_unused(*source);
    if (!copies) convert_vectors(llama);
    tie(llama);
    refresh_weights(llama);
    files.check_unchanged();
    return llama;
}

void save_llama(Llama& llama, const std::filesystem::path& folder, Dtype dtype, const ShardOptions& options) {
    check(llama.group.size() == 1, "save: the model is split over {} ranks", llama.group.size());
    std::vector<const Param*> params;
    std::vector<TensorSpec> specs;
    visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
        if (is_tied_output(llama, &param_of(weight))) return;
        params.push_back(&param_of(weight));
        specs.push_back({hugging_face_name(info), dtype, info.shape()});
    });
    make_folder(folder);
    ModelWeightsWriter writer(folder, specs, options);
    Arena arena(llama.kernels);
    for (const Param* p : params) {
        arena.rewind({});
        Tensor from = p->master ? p->master : p->weight, to = arena.tensor(dtype, {from.count()});
        if (from.is_packed()) {
            Tensor rows = arena.tensor(from.dtype, {from.size[0], from.size[1]});
            llama.kernels.unpack({}, rows, from);
            from = rows;
        }
        llama.kernels.convert({}, to, from);
        writer.write(HostCopy(llama.kernels, {}, to).download());
    }
    writer.commit();
    write_file(folder / "config.json", config_json(llama.config, dtype));
}

}  // namespace puna
