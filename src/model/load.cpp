#include "model/load.h"

#include "core/atomic_file.h"
#include "core/progress.h"
#include "core/random.h"
#include "model/names.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace puna {

namespace {

bool is_norm(const Param& param) { return param.weight.rank == 1; }
bool is_tied_output(const Llama& llama, const Param* param) {
    return llama.config.tied && param == &llama.output.weight;
}

AlignedBytes& own(Llama& llama, size_t bytes) {
    auto memory = std::make_shared<AlignedBytes>(allocate_aligned(bytes));  // shared as Llama::memory says
    llama.memory.push_back(memory);
    return *memory;
}

// Memory for every number: f32 masters in a row for training, and what passes multiply with.
void allocate(Llama& llama, const LoadOptions& options) {
    Dtype matrix_dtype = options.dtype.value_or(Dtype::f32);
    int64_t numbers = 0, bytes = 0;
    for (Param* p : llama.params()) {
        p->weight.dtype = is_norm(*p) ? Dtype::f32 : matrix_dtype;
        if (options.trainable) p->offset = numbers;
        if (is_tied_output(llama, p)) continue;
        numbers += p->weight.count();
        bytes += p->weight.bytes();
    }
    bool separate = !options.trainable || matrix_dtype != Dtype::f32;  // f32 masters are the weights themselves
    std::byte* masters = options.trainable ? own(llama, static_cast<size_t>(numbers) * sizeof(float)).get() : nullptr;
    std::byte* weights = separate ? own(llama, static_cast<size_t>(bytes)).get() : nullptr;
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

// A tied output shows the embedding's numbers.
void tie(Llama& llama) {
    if (llama.config.tied) llama.output.weight.weight = llama.tok_embeddings.weight;
}

// This rank's part of a whole tensor, converted to `to`.
void copy_share(Tensor to, Tensor whole, Split split, const Group& group) {
    int64_t columns = to.columns(), first = 0;
    if (split == Split::rows) whole = whole.slice(group.rank() * to.size[0], to.size[0]);
    if (split == Split::columns) first = group.rank() * columns;
    for (int64_t r = 0; r < to.rows(); ++r) {
        std::byte* from = static_cast<std::byte*>(whole.data) + (r * whole.columns() + first) * size_of(whole.dtype);
        std::byte* row = static_cast<std::byte*>(to.data) + r * columns * size_of(to.dtype);
        choose_kernels().convert({}, Tensor(row, to.dtype, {columns}), Tensor(from, whole.dtype, {columns}));
    }
}

// Norms that are stored in sixteen bits get f32 copies.
void keep_norms_f32(Llama& llama) {
    for (Param* p : llama.params()) {
        if (!is_norm(*p) || p->weight.dtype == Dtype::f32) continue;
        Tensor wide(own(llama, static_cast<size_t>(p->weight.count()) * sizeof(float)).get(), Dtype::f32,
                    {p->weight.count()});
        choose_kernels().convert({}, wide, p->weight);
        p->weight = wide;
    }
}

Split split_of(Llama& llama, const Param* param) {
    for (Layer& l : llama.layers)
        for (Linear* linear : {&l.wq, &l.wk, &l.wv, &l.wo, &l.w1, &l.w2, &l.w3})
            if (&linear->weight == param) return linear->split;
    return Split::none;
}

// What quantizers leave beside a matrix "x.weight", instead of it or to scale it; empty: nothing of the kind.
std::string_view quantizer_of(const ModelWeights& files, std::string_view name) {
    struct Trace {
        std::string_view suffix, method;
    };
    constexpr Trace traces[] = {{"qweight", "GPTQ or AWQ"},
                                {"weight_packed", "compressed-tensors"},
                                {"weight_scale", "FP8 or compressed-tensors"},
                                {"weight_scale_inv", "FP8"},
                                {"weight.absmax", "bitsandbytes, in 4 bits"},
                                {"SCB", "bitsandbytes, in 8 bits"},
                                {"scales", "an unknown method"}};
    std::string base(name.substr(0, name.rfind('.') + 1));
    for (const Trace& trace : traces)
        if (files.find(base + std::string(trace.suffix))) return trace.method;
    return {};
}

// Called where a tensor is not as it should be: the reason may be that it is quantized.
void refuse_quantized(const ModelWeights& files, std::string_view name, std::string_view folder) {
    if (std::string_view method = quantizer_of(files, name); !method.empty())
        fail(
            "{}: tensor {} is quantized, by {}; only F32, F16 and BF16 can be run: use the model before it was "
            "quantized",
            folder, name, method);
}

void check_shape(const ModelWeights& files, const Param& param, const TensorEntry& entry, Split split,
                 const Group& group, std::string_view folder) {
    Tensor whole = param.weight;
    if (split == Split::rows) whole.size[0] *= group.size();
    if (split == Split::columns) whole.size[1] *= group.size();
    bool plain = entry.dtype == Dtype::f32 || entry.dtype == Dtype::bf16 || entry.dtype == Dtype::f16;
    bool same_shape = entry.rank == whole.rank &&
                      std::equal(whole.size.begin(), whole.size.begin() + whole.rank, entry.shape.begin());
    if (!plain || !same_shape) refuse_quantized(files, entry.name, folder);
    if (!same_shape)
        fail("{}: tensor {} does not have the shape that config.json asks for, {}", folder, entry.name, whole);
    if (!plain)
        fail("{}: tensor {} is {}; only F32, F16 and BF16 can be run", folder, entry.name, printable(entry.dtype_name));
}

}  // namespace

std::optional<Dtype> weights_dtype(std::string_view name) {
    if (name.empty()) return {};
    std::optional<Dtype> dtype = find_dtype(name);
    if (!dtype || (*dtype != Dtype::f32 && *dtype != Dtype::bf16 && *dtype != Dtype::f16))
        fail("type: '{}' is none of f32, bf16, f16", printable(name));
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

int64_t trainable_numbers(Llama& llama) {
    int64_t numbers = 0;
    for (Param* p : llama.params())
        if (p->trainable()) numbers = std::max(numbers, p->offset + p->weight.count());
    return numbers;
}

Llama load_llama(const std::filesystem::path& folder, const LoadOptions& options) {
    Llama llama(read_config(folder / "config.json"), options.group);
    auto files = std::make_shared<ModelWeights>(folder);  // shared as Llama::memory says
    bool copies = options.trainable || options.dtype || options.group.size() > 1;
    if (copies) allocate(llama, options);
    Progress progress("loading", static_cast<int64_t>(llama.params().size()), "tensors");
    for (Param* p : llama.params()) {
        progress.advance(1);
        if (is_tied_output(llama, p)) continue;
        std::string name = hugging_face_name(p->name);
        const TensorEntry* entry = files->find(name);
        if (!entry) refuse_quantized(*files, name, folder.string());
        if (!entry) files->fail_missing(name);
        Split split = split_of(llama, p);
        check_shape(*files, *p, *entry, split, llama.group, folder.string());
        Tensor stored = files->tensor(name);
        if (copies) {
            copy_share(p->master ? p->master : p->weight, stored, split, llama.group);
        } else {
            p->weight = stored;
        }
    }
    if (!copies) {
        keep_norms_f32(llama);
        llama.memory.push_back(files);
    }
    tie(llama);
    refresh_weights(choose_kernels(), llama);
    return llama;
}

Llama seeded_llama(const Config& config, uint64_t seed, const LoadOptions& options) {
    check(options.group.size() == 1, "a seeded model in a group of {}", options.group.size());
    Llama llama(config, options.group);
    allocate(llama, options);
    float deviation = 0.02f, inward = deviation / std::sqrt(2 * static_cast<float>(config.layers));
    uint64_t stream = 0;
    for (Param* p : llama.params()) {
        if (is_tied_output(llama, p)) continue;
        Random random(seed, stream++);
        bool into_residual = p->name.ends_with("wo.weight") || p->name.ends_with("w2.weight");
        Tensor to = p->master ? p->master : p->weight;
        with_type(to.dtype, [&]<class T>() {
            for (T& value : to.span<T>())
                value = is_norm(*p) ? T(1.0f) : T(random.normal() * (into_residual ? inward : deviation));
        });
    }
    tie(llama);
    refresh_weights(choose_kernels(), llama);
    return llama;
}

void save_llama(Llama& llama, const std::filesystem::path& folder, Dtype dtype, const ShardOptions& options) {
    check(llama.group.size() == 1, "save of a model that is split over {}", llama.group.size());
    check(llama.config.pairs == RotaryPairs::halves, "save of a model with neighboring rotary pairs");
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
