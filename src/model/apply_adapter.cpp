#include "model/apply_adapter.h"

#include "core/mapped_file.h"
#include "kernels/arena.h"
#include "kernels/host_copy.h"
#include "model/initialize.h"

#include <algorithm>
#include <map>
#include <string>

namespace puna {

namespace {

// The pairs of one matrix, by its name.
using PairsByName = std::map<std::string, std::vector<AdapterPair>>;

PairsByName pairs_of(std::span<Adapter> adapters, const Config& config) {
    PairsByName by_name;
    for (Adapter& adapter : adapters)
        for (AdapterPair& pair : adapter.pairs(config)) by_name[name_of(pair.matrix)].push_back(std::move(pair));
    return by_name;
}

// f32 numbers of a tensor of a file, in the memory of the kernels.
void to_f32(const Kernels& kernels, Tensor to, Tensor from, Arena& copies) {
    if (!kernels.memory.mapped_files) {
        Tensor copy = copies.tensor(from.dtype, {from.rows(), from.columns()});
        kernels.copy({}, copy.data, from.data, static_cast<size_t>(from.bytes()));
        from = copy;
    }
    is_block_type(from.dtype) ? kernels.dequantize({}, to, from) : kernels.convert({}, to, from);
}

// [rows, columns] of a half from this row and column on, on the host.
std::vector<float> values_of(const Kernels& kernels, const StoredWeight& half, int64_t row, int64_t column,
                             int64_t rows, int64_t columns) {
    Arena arena(kernels);
    Tensor values = arena.tensor(Dtype::f32, {rows, columns});
    if (is_block_type(half.parts[0].dtype)) {  // whole blocks only
        Tensor all = arena.tensor(Dtype::f32, {half.parts[0].size[0], half.parts[0].size[1]});
        to_f32(kernels, all, half.parts[0], arena);
        StoredWeight converted{.parts = {all}, .neighbor_head = half.neighbor_head};
        for_each_piece(converted, row, column, values, [&](Tensor to, Tensor from) { kernels.convert({}, to, from); });
    } else {
        for_each_piece(half, row, column, values, [&](Tensor to, Tensor from) { to_f32(kernels, to, from, arena); });
    }
    HostCopy copy(kernels, {}, values);
    std::span<float> all = copy.download().span<float>();
    return {all.begin(), all.end()};
}

Param new_param(const Llama& llama, std::string name, int64_t rows, int64_t columns) {
    Param param;
    param.name = std::move(name);
    param.weight = Tensor(nullptr, Dtype::f32, {rows, columns});
    allocate_weight(llama, param);
    return param;
}

// The sum of some pairs: their a one below the other, their scaled b side by side.
Lora sum_of(const Llama& llama, const Linear& linear, const std::vector<AdapterPair>& pairs) {
    int64_t rank = 0, out = linear.weight.weight.size[0], in = linear.weight.weight.columns();
    for (const AdapterPair& pair : pairs) rank += pair.rank();
    int64_t process = llama.group.rank(), row = linear.split == Split::rows ? process * out : 0,
            column = linear.split == Split::columns ? process * in : 0;
    Lora lora{.a = new_param(llama, linear.weight.name + ".lora_a", rank, in),
              .b = new_param(llama, linear.weight.name + ".lora_b", out, rank)};
    HostCopy a_copy(llama.kernels, {}, lora.a.weight), b_copy(llama.kernels, {}, lora.b.weight);
    int64_t at = 0;
    for (const AdapterPair& pair : pairs) {
        std::vector<float> a = values_of(llama.kernels, pair.a, 0, column, pair.rank(), in),
                           b = values_of(llama.kernels, pair.b, row, 0, out, pair.rank());
        std::copy(a.begin(), a.end(), a_copy.tensor().row<float>(at));
        for (int64_t r = 0; r < out; ++r)
            std::transform(b.begin() + r * pair.rank(), b.begin() + (r + 1) * pair.rank(),
                           b_copy.tensor().row<float>(r) + at, [&](float value) { return value * pair.scale; });
        at += pair.rank();
    }
    a_copy.upload();
    b_copy.upload();
    return lora;
}

template <class F>
void for_each_linear(Llama& llama, F f) {
    visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
        if constexpr (std::is_same_v<decltype(weight), Linear&>) f(weight, info);
    });
}

// Of f32: [columns, rows].
Tensor transposed(Arena& arena, Tensor x) {
    Tensor y = arena.tensor(Dtype::f32, {x.columns(), x.rows()});
    HostCopy from(arena.kernels(), {}, x), to(arena.kernels(), {}, y);
    from.download();
    for (int64_t r = 0; r < x.rows(); ++r)
        for (int64_t c = 0; c < x.columns(); ++c) to.tensor().row<float>(c)[r] = from.tensor().row<float>(r)[c];
    to.upload();
    return y;
}

Tensor upload(Arena& arena, std::span<const float> values, int64_t rows, int64_t columns) {
    Tensor x = arena.tensor(Dtype::f32, {rows, columns});
    arena.kernels().copy({}, x.data, values.data(), values.size_bytes());
    arena.kernels().synchronize({});
    return x;
}

}  // namespace

int add_adapter(Llama& llama, std::span<Adapter> adapters) {
    PairsByName pairs = pairs_of(adapters, llama.config);
    size_t index = 0;
    for_each_linear(llama, [&](Linear& linear, const WeightInfo&) { index = std::max(index, linear.adapters.size()); });
    for_each_linear(llama, [&](Linear& linear, const WeightInfo& info) {
        auto own = pairs.find(name_of(info));
        if (own == pairs.end() && linear.adapters.empty()) return;
        linear.adapters.resize(index);
        linear.adapters.push_back(own == pairs.end() ? Lora() : sum_of(llama, linear, own->second));
    });
    return static_cast<int>(index);
}

int64_t adapter_bytes(const Adapter& adapter) { return *bytes_of(Dtype::f32, adapter.parameters()); }

void merge_pair(const Kernels& kernels, Tensor matrix, const AdapterPair& pair) {
    constexpr int64_t rows_at_once = 1024;
    int64_t rows = pair.matrix.rows, columns = pair.matrix.columns, rank = pair.rank();
    check(matrix.size[0] == rows && matrix.columns() == columns, "merge: {} with {}", matrix, name_of(pair.matrix));
    Arena arena(kernels);
    Tensor a = transposed(arena, upload(arena, values_of(kernels, pair.a, 0, 0, rank, columns), rank, columns)),
           b = upload(arena, values_of(kernels, pair.b, 0, 0, rows, rank), rows, rank);
    Arena::Mark mark = arena.mark();
    for (int64_t row = 0; row < rows; row += rows_at_once) {
        int64_t n = std::min(rows_at_once, rows - row);
        Tensor change = arena.tensor(Dtype::f32, {n, columns});
        kernels.matmul({}, change, b.slice(row, n), a);
        kernels.add_scaled({}, matrix.slice(row, n), change, pair.scale);
        kernels.synchronize({});
        arena.rewind(mark);
    }
}

void merge_adapter(Llama& llama, Adapter& adapter) {
    check(llama.group.size() == 1, "merge: the model is split over {} ranks", llama.group.size());
    PairsByName pairs = pairs_of({&adapter, 1}, llama.config);
    Arena arena(llama.kernels);
    for_each_linear(llama, [&](Linear& linear, const WeightInfo& info) {
        auto own = pairs.find(name_of(info));
        if (own == pairs.end()) return;
        Tensor weight = linear.weight.master ? linear.weight.master : linear.weight.weight;
        check(!mapped_path_at(weight.data) && !weight.is_packed() && !is_block_type(weight.dtype),
              "merge into the weights {}", weight);
        Tensor sum = arena.tensor(Dtype::f32, {weight.size[0], weight.columns()});
        llama.kernels.convert({}, sum, weight);
        for (const AdapterPair& pair : own->second) merge_pair(llama.kernels, sum, pair);
        llama.kernels.convert({}, weight, sum);
        arena.rewind({});
    });
    refresh_weights(llama);
}

}  // namespace puna
