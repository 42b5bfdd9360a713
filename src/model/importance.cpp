#include "model/importance.h"

#include "core/error.h"
#include "core/progress.h"
#include "files/gguf_writer.h"
#include "kernels/host_copy.h"

#include <algorithm>

namespace puna {

namespace {

// x: [rows, columns], on the host.
void add_squares(std::vector<double>& sums, Tensor x) {
    sums.resize(static_cast<size_t>(x.columns()));
    for (int64_t r = 0; r < x.rows(); ++r)
        for (int64_t c = 0; c < x.columns(); ++c) {
            double value = x.row<float>(r)[c];
            sums[static_cast<size_t>(c)] += value * value;
        }
}

}  // namespace

void write_importance(const ImportanceMatrix& importance, const std::filesystem::path& path) {
    GgufMetadata metadata;
    metadata.add("general.type", "imatrix");
    metadata.add_list("imatrix.datasets", std::vector<std::string>{importance.dataset});
    metadata.add("imatrix.chunk_count", static_cast<uint32_t>(importance.chunks));
    metadata.add("imatrix.chunk_size", static_cast<uint32_t>(ImportanceOptions().chunk));
    std::vector<TensorSpec> specs;
    for (const auto& [name, values] : importance.mean_squares) {
        specs.push_back({name + ".in_sum2", Dtype::f32, {1, static_cast<int64_t>(values.size())}});
        specs.push_back({name + ".counts", Dtype::f32, {1, 1}});
    }
    GgufWriter writer(path, metadata, specs);
    float one = 1;
    for (const auto& [name, values] : importance.mean_squares) {
        int64_t n = static_cast<int64_t>(values.size());
        writer.write(Tensor(const_cast<float*>(values.data()), Dtype::f32, {1, n}));
        writer.write(Tensor(&one, Dtype::f32, {1, 1}));
    }
    writer.commit();
}

const std::vector<float>* find_importance(const ImportanceMatrix& importance, const WeightInfo& weight,
                                          std::string_view path) {
    auto at = importance.mean_squares.find(gguf_name(weight));
    if (at == importance.mean_squares.end()) return nullptr;
    if (std::ssize(at->second) != weight.columns)
        fail(ErrorKind::usage, "{}: has {} values for '{}', which has {} columns: it was measured with another model",
             path, at->second.size(), at->first, weight.columns);
    return &at->second;
}

Tensor importance_of(const ImportanceMatrix& importance, const WeightInfo& weight, Arena& memory,
                     std::string_view path) {
    const std::vector<float>* entry = find_importance(importance, weight, path);
    if (!entry) return {};
    std::vector<float> values = *entry;
    double sum = 0;
    for (float value : values) sum += value;
    if (sum == 0) return {};
    float least = static_cast<float>(1e-3 * sum / static_cast<double>(values.size()));
    for (float& value : values) value = std::max(value, least);
    Tensor x = memory.tensor(Dtype::f32, {weight.columns});
    memory.kernels().copy({}, x.data, values.data(), values.size() * sizeof(float));
    return x;
}

ImportanceMatrix measure_importance(Llama& llama, std::span<const int32_t> tokens, const ImportanceOptions& options) {
    if (tokens.empty()) fail(ErrorKind::usage, "the text has no tokens: importance cannot be measured on it");
    std::map<std::string, std::string> gguf_names;  // by our own
    for (const WeightInfo& weight : list_weights(llama.config)) gguf_names[name_of(weight)] = gguf_name(weight);
    std::map<std::string, std::vector<double>> sums;
    Pass pass(llama.kernels);
    pass.observe_matmul = [&](const Param& matrix, Tensor input) {
        HostCopy copy(llama.kernels, pass.stream, input);
        add_squares(sums[gguf_names.at(matrix.name)], copy.download());
    };
    ImportanceMatrix importance;
    Progress progress("measuring importance", static_cast<int64_t>(tokens.size()), "tokens");
    int64_t measured = 0;
    size_t own = static_cast<size_t>(options.chunk - (options.bos >= 0 ? 1 : 0));
    for (size_t first = 0; first < tokens.size(); first += own, ++importance.chunks) {
        std::span<const int32_t> piece = tokens.subspan(first, std::min(own, tokens.size() - first));
        std::vector<int32_t> chunk(piece.begin(), piece.end());
        if (options.bos >= 0) chunk.insert(chunk.begin(), options.bos);
        measured += static_cast<int64_t>(chunk.size());
        pass.begin(batch_of(chunk));
        llama.forward(pass);
        progress.advance(static_cast<int64_t>(piece.size()));
    }
    for (const auto& [name, sum] : sums) {
        std::vector<float>& means = importance.mean_squares[name];
        for (double x : sum) means.push_back(static_cast<float>(x / static_cast<double>(measured)));
    }
    return importance;
}

}  // namespace puna
