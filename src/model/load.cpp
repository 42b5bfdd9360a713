#include "model/load.h"

#include "core/atomic_file.h"
#include "core/checked.h"
#include "core/file_kind.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "core/random.h"
#include "model/names.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace puna {

namespace {

bool is_norm(const Param& param) { return param.weight.rank == 1; }
bool is_tied_output(const Llama& llama, const Param* param) {
    return llama.config.tied && param == &llama.output.weight;
}

AlignedBytes& allocate_owned(Llama& llama, size_t bytes) {
    auto memory = std::make_shared<AlignedBytes>(allocate_aligned(bytes));  // shared: see Llama::memory
    llama.memory.push_back(memory);
    return *memory;
}

constexpr int64_t max_weight_bytes = int64_t{1} << 60;  // times four, for f32 masters, fits in 64 bits

// Memory for all parameters: contiguous f32 masters for training, and the weights that passes use.
void allocate(Llama& llama, const LoadOptions& options) {
    Dtype matrix_dtype = options.dtype.value_or(Dtype::f32);
    int64_t parameters = 0, bytes = 0;
    for (Param* p : llama.params()) {
        p->weight.dtype = is_norm(*p) ? Dtype::f32 : matrix_dtype;
        if (options.trainable) p->offset = parameters;
        if (is_tied_output(llama, p)) continue;
        std::optional<int64_t> more = checked_add(bytes, p->weight.bytes());
        if (!more || *more > max_weight_bytes)
            fail("the weights of this config.json do not fit in memory: {} layers of width {}", llama.config.layers,
                 llama.config.dim);
        parameters += p->weight.count();
        bytes = *more;
    }
    bool separate = !options.trainable || matrix_dtype != Dtype::f32;  // f32 masters double as the weights
    std::byte* masters =
        options.trainable ? allocate_owned(llama, static_cast<size_t>(parameters) * sizeof(float)).get() : nullptr;
    std::byte* weights = separate ? allocate_owned(llama, static_cast<size_t>(bytes)).get() : nullptr;
    for (Param* p : llama.params()) {
        if (is_tied_output(llama, p)) continue;
        if (masters) {
            p->master = p->weight;
            p->master.dtype = Dtype::f32;
            p->master.data = masters + p->offset * static_cast<int64_t>(sizeof(float));
        }
        if (masters && p->weight.dtype == Dtype::f32) {
            p->weight.data = p->master.data;
            continue;
        }
        p->weight.data = weights;
        weights += p->weight.bytes();
    }
}

// A tied output is a view of the token embeddings.
void tie(Llama& llama) {
    if (llama.config.tied) llama.output.weight.weight = llama.tok_embeddings.weight;
}

// Copies this rank's shard of a full tensor, converting to the dtype of `to`.
void copy_shard(Tensor to, Tensor full, Split split, const Group& group) {
    int64_t columns = to.columns(), first = 0;
    if (split == Split::rows) full = full.slice(group.rank() * to.size[0], to.size[0]);
    if (split == Split::columns) first = group.rank() * columns;
    for (int64_t r = 0; r < to.rows(); ++r) {
        std::byte* from = static_cast<std::byte*>(full.data) + (r * full.columns() + first) * size_of(full.dtype);
        std::byte* row = static_cast<std::byte*>(to.data) + r * columns * size_of(to.dtype);
        choose_kernels().convert({}, Tensor(row, to.dtype, {columns}), Tensor(from, full.dtype, {columns}));
    }
}

// Replaces norms stored in 16 bits by f32 copies.
void convert_norms(Llama& llama) {
    for (Param* p : llama.params()) {
        if (!is_norm(*p) || p->weight.dtype == Dtype::f32) continue;
        Tensor converted(allocate_owned(llama, static_cast<size_t>(p->weight.count()) * sizeof(float)).get(),
                         Dtype::f32, {p->weight.count()});
        choose_kernels().convert({}, converted, p->weight);
        p->weight = converted;
    }
}

Split split_of(Llama& llama, const Param* param) {
    for (Layer& l : llama.layers)
        for (Linear* linear : {&l.wq, &l.wk, &l.wv, &l.wo, &l.w1, &l.w2, &l.w3})
            if (&linear->weight == param) return linear->split;
    return Split::none;
}

// The method that quantized the matrix "x.weight", judged by the tensors beside or instead of it; empty: none.
std::string_view quantizer_of(const ModelWeights& files, std::string_view name) {
    struct Marker {
        std::string_view suffix, method;
    };
    constexpr Marker markers[] = {{".qweight", "GPTQ or AWQ"},
                                  {".weight_packed", "compressed-tensors"},
                                  {".weight_scale_2", "NVFP4"},
                                  {".weight_scale", "FP8 or compressed-tensors"},
                                  {".weight_scale_inv", "FP8"},
                                  {".weight_scales", "EETQ"},
                                  {".weight.absmax", "bitsandbytes 4-bit"},
                                  {".SCB", "bitsandbytes 8-bit"},
                                  {".W_q", "HQQ"},
                                  {"_blocks", "MXFP4"},
                                  {".biases", "MLX"},
                                  {".scales", "an unknown method"}};
    std::string base(name.substr(0, name.rfind('.')));
    for (const Marker& marker : markers)
        if (files.find(base + std::string(marker.suffix))) return marker.method;
    return {};
}

// Called for an unexpected or missing tensor: the reason may be quantization.
void reject_quantized(const ModelWeights& files, std::string_view name, std::string_view folder) {
    if (std::string_view method = quantizer_of(files, name); !method.empty())
        fail("{}: tensor {} is quantized ({}); only F32, F16 and BF16 are supported: use the unquantized model", folder,
             name, method);
}

// A missing matrix with other tensors in its place was quantized by a method that is not in that list.
void reject_replaced(const ModelWeights& files, std::string_view name, std::string_view folder) {
    std::string prefix(name.substr(0, name.rfind('.') + 1));
    for (const SafetensorsFile& file : files.files())
        for (const TensorEntry& entry : file.entries())
            if (entry.name.starts_with(prefix) && entry.name != prefix + "bias")
                fail(
                    "{}: tensor {} is missing, but there is {}: the model seems to be quantized, which is not "
                    "supported: "
                    "use the unquantized model",
                    folder, name, printable(entry.name));
}

// The file by which a folder shows another format than Hugging Face's with safetensors: it and its name; else empty.
std::pair<std::string, std::string_view> find_other_format(const std::filesystem::path& folder) {
    struct Format {
        std::string_view prefix, suffix, name;
    };
    constexpr Format formats[] = {{"", ".gguf", "a GGUF model"},
                                  {"adapter_config", ".json", "a LoRA adapter without its base model"},
                                  {"params", ".json", "a model in Meta's format"},
                                  {"consolidated", "", "a model in Meta's format"},
                                  {"pytorch_model", "", "a pickled PyTorch model"}};
    std::error_code ignored;
    for (const Format& format : formats)
        for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(folder, ignored)) {
            std::string name = entry.path().filename().string();
            if (name.starts_with(format.prefix) && name.ends_with(format.suffix)) return {name, format.name};
        }
    return {};
}

constexpr std::string_view weights_remedy = "download or copy the weights again, or the config.json of these weights",
                           output_remedy =
                               "if the embeddings are the output too, set \"tie_word_embeddings\": true in "
                               "config.json; else download or copy the weights again";

// Old checkpoints of Llama hold what is computed today.
bool is_computed(std::string_view name) { return name.ends_with("rotary_emb.inv_freq"); }

// A file with more than the model has may be one of another architecture.
void warn_of_unused(const ModelWeights& files, Llama& llama, std::string_view folder) {
    std::set<std::string, std::less<>> used{"lm_head.weight"};
    for (const Param* p : llama.params()) used.insert(hugging_face_name(p->name));
    int64_t unused = 0;
    std::string_view example;
    for (const SafetensorsFile& file : files.files())
        for (const TensorEntry& entry : file.entries())
            if (!used.contains(entry.name) && !is_computed(entry.name) && ++unused == 1) example = entry.name;
    if (unused > 0)
        log_warning("{}: ignored {} that a Llama of this config.json does not have, such as {}", folder,
                    format_count(unused, "tensor"), printable(example));
}

void check_shape(const ModelWeights& files, const Param& param, const TensorEntry& entry, Split split,
                 const Group& group, std::string_view folder) {
    Tensor full = param.weight;
    if (split == Split::rows) full.size[0] *= group.size();
    if (split == Split::columns) full.size[1] *= group.size();
    bool supported = entry.dtype == Dtype::f32 || entry.dtype == Dtype::bf16 || entry.dtype == Dtype::f16;
    bool same_shape =
        entry.rank == full.rank && std::equal(full.size.begin(), full.size.begin() + full.rank, entry.shape.begin());
    if (!supported || !same_shape) reject_quantized(files, entry.name, folder);
    if (!same_shape)
        fail("{}: tensor {} has the shape [{}], but config.json implies [{}]: one of the two belongs to another model",
             folder, entry.name, fmt::join(entry.shape.begin(), entry.shape.begin() + std::min(entry.rank, 4), ", "),
             fmt::join(full.size.begin(), full.size.begin() + full.rank, ", "));
    if (!supported)
        fail("{}: tensor {} is {}; only F32, F16 and BF16 are supported", folder, entry.name,
             printable(entry.dtype_name));
}

}  // namespace

std::optional<Dtype> weights_dtype(std::string_view name) {
    if (name.empty()) return {};
    std::optional<Dtype> dtype = find_dtype(name);
    if (!dtype || (*dtype != Dtype::f32 && *dtype != Dtype::bf16 && *dtype != Dtype::f16))
        fail("type must be f32, bf16 or f16, not '{}'", printable(name));
    return dtype;
}

void refresh_weights(const Kernels& kernels, Llama& llama) {
    for (Param* p : llama.params())
        if (p->master && p->master.data != p->weight.data) kernels.convert({}, p->weight, p->master);
}

Llama shared_llama(Llama& llama) {
    Llama other(llama.config, llama.group);
    std::vector<Param*> from = llama.params(), to = other.params();
    for (size_t i = 0; i < from.size(); ++i) to[i]->weight = from[i]->weight;
    other.memory = llama.memory;
    return other;
}

int64_t gradient_elements(Llama& llama) {
    int64_t parameters = 0;
    for (Param* p : llama.params())
        if (p->trainable()) parameters = std::max(parameters, p->offset + p->weight.count());
    return parameters;
}

Config load_config(const std::filesystem::path& folder) {
    constexpr const char* remedy = "pass a model folder in Hugging Face format";
    std::error_code ignored;
    std::filesystem::path config = folder / "config.json";
    if (!std::filesystem::exists(folder, ignored)) fail("{}: no such folder: {}", folder.string(), remedy);
    if (std::filesystem::is_regular_file(folder, ignored))
        reject_foreign_file(MappedFile(folder).text(), folder.string());
    if (!std::filesystem::is_directory(folder, ignored)) fail("{}: is not a folder: {}", folder.string(), remedy);
    bool has_weights =
        file_exists(folder / "model.safetensors") || file_exists(folder / "model.safetensors.index.json");
    if (has_weights && file_exists(config)) return read_config(config);
    if (auto [file, format] = find_other_format(folder); !file.empty())
        fail("{}: contains {} ({}); only folders in Hugging Face format with safetensors are supported",
             folder.string(), format, printable(file));
    if (!file_exists(config) && file_exists(folder / "checkpoints"))
        fail("{}: training has not finished, so there is no model yet; continue it with puna train --resume",
             folder.string());
    if (!file_exists(config)) fail("{}: contains no config.json: {}", folder.string(), remedy);
    return read_config(config);
}

Llama load_llama(const std::filesystem::path& folder, const LoadOptions& options) {
    Llama llama(load_config(folder), options.group);
    auto files = std::make_shared<ModelWeights>(folder);  // shared: see Llama::memory
    bool copies = options.trainable || options.dtype || options.group.size() > 1;
    if (copies) allocate(llama, options);
    Progress progress("loading", static_cast<int64_t>(llama.params().size()), "tensors");
    for (Param* p : llama.params()) {
        progress.advance(1);
        if (is_tied_output(llama, p)) continue;
        std::string name = hugging_face_name(p->name);
        const TensorEntry* entry = files->find(name);
        if (!entry) {
            reject_quantized(*files, name, folder.string());
            reject_replaced(*files, name, folder.string());
            files->fail_missing(name, p == &llama.output.weight ? output_remedy : weights_remedy);
        }
        Split split = split_of(llama, p);
        check_shape(*files, *p, *entry, split, llama.group, folder.string());
        Tensor stored = files->tensor(name);
        if (copies) {
            copy_shard(p->master ? p->master : p->weight, stored, split, llama.group);
        } else {
            p->weight = stored;
        }
    }
    if (options.group.rank() == 0) warn_of_unused(*files, llama, folder.string());
    if (!copies) {
        convert_norms(llama);
        llama.memory.push_back(files);
    }
    tie(llama);
    refresh_weights(choose_kernels(), llama);
    return llama;
}

Llama seeded_llama(const Config& config, uint64_t seed, const LoadOptions& options) {
    check(options.group.size() == 1, "random initialization in a group of {}", options.group.size());
    Llama llama(config, options.group);
    allocate(llama, options);
    float deviation = 0.02f, residual_deviation = deviation / std::sqrt(2 * static_cast<float>(config.layers));
    uint64_t stream = 0;
    for (Param* p : llama.params()) {
        if (is_tied_output(llama, p)) continue;
        Random random(seed, stream++);
        bool into_residual = p->name.ends_with("wo.weight") || p->name.ends_with("w2.weight");
        Tensor to = p->master ? p->master : p->weight;
        with_type(to.dtype, [&]<class T>() {
            for (T& value : to.span<T>())
                value = is_norm(*p) ? T(1.0f) : T(random.normal() * (into_residual ? residual_deviation : deviation));
        });
    }
    tie(llama);
    refresh_weights(choose_kernels(), llama);
    return llama;
}

void save_llama(Llama& llama, const std::filesystem::path& folder, Dtype dtype, const ShardOptions& options) {
    check(llama.group.size() == 1, "save: the model is split over {} ranks", llama.group.size());
    check(llama.config.pairs == RotaryPairs::halves, "save: the model has adjacent rotary pairs");
    std::vector<Param*> params = llama.params();
    if (llama.config.tied) params.pop_back();
    std::vector<TensorSpec> specs;
    for (Param* p : params) {
        std::vector<int64_t> shape(p->weight.size.begin(), p->weight.size.begin() + p->weight.rank);
        specs.push_back({hugging_face_name(p->name), dtype, std::move(shape)});
    }
    make_folder(folder);
    ModelWeightsWriter writer(folder, specs, options);
    Arena arena;
    for (Param* p : params) {
        arena.rewind({});
        Tensor from = p->master ? p->master : p->weight, to = arena.tensor(dtype, {from.count()});
        choose_kernels().convert({}, to, from);
        writer.write(to);
    }
    writer.commit();
    write_file(folder / "config.json", config_json(llama.config, dtype));
}

}  // namespace puna
