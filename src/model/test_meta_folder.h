// model/test_meta_folder.h — for tests: writes a model of f32 as a folder in Meta's format.
//
//   save_meta_folder(llama, folder, 2);         // params.json, consolidated.00.pth and consolidated.01.pth
//
// The config must be one that params.json can say: ffn is 8 * dim / 3, a multiple of 8.
#pragma once
#include "core/atomic_file.h"
#include "files/test_pickle.h"
#include "files/test_zip.h"
#include "model/llama.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
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

inline void save_meta_folder(Llama& llama, const std::filesystem::path& folder, int64_t parts) {
    make_folder(folder);
    write_file(folder / "params.json", meta_params(llama.config, llama.config.vocabulary));
    for (int64_t part = 0; part < parts; ++part) {
        PickleBytes pickle;
        pickle.dict().mark();
        std::vector<std::pair<std::string, std::string>> storages;
        visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
            std::span<const float> ours = param_of(weight).weight.template span<float>();
            std::vector<float> whole(ours.begin(), ours.end()), own;
            if (info.kind == WeightKind::rotary) whole = with_neighbors(ours, info.rows, llama.config.head_dim);
            bool norm = info.kind == WeightKind::norm, by_columns = info.split == Split::columns;
            int64_t rows = norm || by_columns ? info.rows : info.rows / parts,
                    columns = by_columns ? info.columns / parts : info.columns,
                    first_row = norm || by_columns ? 0 : part * rows, first_column = by_columns ? part * columns : 0;
            for (int64_t r = first_row; r < first_row + rows; ++r)
                for (int64_t c = first_column; c < first_column + columns; ++c)
                    own.push_back(whole[static_cast<size_t>(r * info.columns + c)]);
            std::string key = std::to_string(storages.size());
            std::vector<int64_t> shape = norm ? std::vector{rows} : std::vector{rows, columns},
                                 strides = norm ? std::vector{int64_t{1}} : std::vector{columns, int64_t{1}};
            pickle.tensor(name_of(info), "FloatStorage", key, rows * columns, 0, shape, strides);
            storages.emplace_back("x/data/" + key,
                                  std::string(reinterpret_cast<const char*>(own.data()), own.size() * sizeof(float)));
        });
        storages.emplace(storages.begin(), "x/data.pkl", pickle.end());
        write_file(folder / fmt::format("consolidated.{:02}.pth", part), make_zip(storages, {}).bytes);
    }
}

}  // namespace puna
