// model/test_meta_folder.h — for tests: writes a model of f32 as a folder in Meta's format.
//
//   save_meta_folder(llama, folder, {.parts = 2});         // params.json, consolidated.00.pth and consolidated.01.pth
//
// The config must be one that params.json can say: ffn is 8 * dim / 3, a multiple of 8.
#pragma once
#include "core/atomic_file.h"
#include "files/test_torch.h"
#include "model/llama.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace puna {

// The values of a matrix with Meta's order of rows: our rows j and j + head / 2 of a head are there 2j and 2j + 1.
inline std::vector<float> with_neighbors(std::span<const float> ours, int64_t rows, int64_t head) {
    std::vector<float> meta(ours.size());
    int64_t columns = static_cast<int64_t>(ours.size()) / rows, half = head / 2;
    for (int64_t first = 0; first < rows; first += head)
        for (int64_t j = 0; j < half; ++j)
            for (int64_t c = 0; c < columns; ++c) {
                auto at = [&](int64_t row) { return static_cast<size_t>((first + row) * columns + c); };
                meta[at(2 * j)] = ours[at(j)];
                meta[at(2 * j + 1)] = ours[at(j + half)];
            }
    return meta;
}

inline std::string meta_params(const Config& c, int64_t vocabulary) {
    return fmt::format(
        R"({{"dim": {}, "n_layers": {}, "n_heads": {}, "n_kv_heads": {}, "vocab_size": {}, "multiple_of": 8,
            "norm_eps": {}, "rope_theta": {}}})",
        c.dim, c.layers, c.heads, c.kv_heads, vocabulary, c.norm_epsilon, c.rope_theta);
}

struct MetaLayout {
    int64_t parts = 1;               // files
    bool embedding_columns = false;  // the embedding is split by columns, as in Llama 1 and 2
    int64_t kv_copies = 1;           // equal heads of keys and values, as in Llama 3.1 405B for 16 processes
    std::string params = {};         // empty: meta_params
};

// The part of a matrix that one file has.
inline std::vector<float> part_of(const std::vector<float>& whole, int64_t columns, int64_t first_row, int64_t rows,
                                  int64_t first_column, int64_t part_columns) {
    std::vector<float> part;
    for (int64_t r = first_row; r < first_row + rows; ++r)
        for (int64_t c = first_column; c < first_column + part_columns; ++c)
            part.push_back(whole[static_cast<size_t>(r * columns + c)]);
    return part;
}

// Every head `copies` times.
inline std::vector<float> with_copies(const std::vector<float>& heads, size_t head_values, int64_t copies) {
    std::vector<float> all;
    for (auto head = heads.begin(); head != heads.end(); head += static_cast<std::ptrdiff_t>(head_values))
        for (int64_t copy = 0; copy < copies; ++copy)
            all.insert(all.end(), head, head + static_cast<std::ptrdiff_t>(head_values));
    return all;
}

inline void save_meta_folder(Llama& llama, const std::filesystem::path& folder, const MetaLayout& layout = {}) {
    make_folder(folder);
    bool given = !layout.params.empty();
    write_file(folder / "params.json", given ? layout.params : meta_params(llama.config, llama.config.vocabulary));
    for (int64_t part = 0; part < layout.parts; ++part) {
        std::vector<TorchTensor> tensors;
        visit(llama.config, llama, [&](auto& weight, WeightInfo info) {
            std::span<const float> ours = param_of(weight).weight.template span<float>();
            std::vector<float> whole(ours.begin(), ours.end());
            int64_t head = llama.config.head_dim;
            if (info.rotary) whole = with_neighbors(ours, info.rows, head);
            if (info.name == "attention.wk" || info.name == "attention.wv") {
                whole = with_copies(whole, static_cast<size_t>(head * info.columns), layout.kv_copies);
                info.rows *= layout.kv_copies;
            }
            bool by_columns =
                info.split == Split::columns || (layout.embedding_columns && info.kind == WeightKind::embedding);
            int64_t rows = info.is_vector() || by_columns ? info.rows : info.rows / layout.parts,
                    columns = by_columns ? info.columns / layout.parts : info.columns;
            int64_t first_row = rows < info.rows ? part * rows : 0, first_column = by_columns ? part * columns : 0;
            std::vector<int64_t> shape = info.is_vector() ? std::vector{rows} : std::vector{rows, columns};
            tensors.push_back(
                {name_of(info), shape, part_of(whole, info.columns, first_row, rows, first_column, columns)});
        });
        tensors.push_back({"rope.freqs", {2}, {1, 0.5f}});
        write_file(folder / fmt::format("consolidated.{:02}.pth", part), torch_file(tensors));
    }
}

}  // namespace puna
