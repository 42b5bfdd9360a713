#include "model/quantization_mix.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace puna {

namespace {

constexpr FileType types[] = {
    {"f32", "32 bits per weight: as it was trained", 0, Dtype::f32},
    {"bf16", "16 bits: as most models are published", 32, Dtype::bf16},
    {"f16", "16 bits: as bf16, finer, with a smaller range", 1, Dtype::f16},
    {"q8_0", "8.5 bits: as good as the original", 7, Dtype::q8_0},
    {"q6_k", "6.6 bits: hardly worse than the original", 18, Dtype::q6_K},
    {"q5_k_m", "5.7 bits: slightly worse, more bits for values and down", 17, Dtype::q5_K},
    {"q5_k_s", "5.6 bits: as q5_k_m, without these more bits", 16, Dtype::q5_K},
    {"q5_1", "6.0 bits: an older type", 9, Dtype::q5_1},
    {"q5_0", "5.6 bits: an older type", 8, Dtype::q5_0},
    {"q4_k_m", "4.9 bits: the usual choice, more bits for values and down", 15, Dtype::q4_K},
    {"q4_k_s", "4.7 bits: as q4_k_m, without these more bits", 14, Dtype::q4_K},
    {"q4_1", "5.1 bits: an older type", 3, Dtype::q4_1},
    {"q4_0", "4.6 bits: an older type", 2, Dtype::q4_0},
    {"iq4_nl", "4.7 bits", 25, Dtype::iq4_nl},
    {"iq4_xs", "4.5 bits: nearly as good as q4_k_s", 30, Dtype::iq4_xs},
    {"q3_k_l", "4.3 bits", 13, Dtype::q3_K},
    {"q3_k_m", "4.0 bits: clearly worse than the original", 12, Dtype::q3_K},
    {"q3_k_s", "3.6 bits", 11, Dtype::q3_K},
    {"iq3_m", "3.8 bits, with importance matrix", 27, Dtype::iq3_s, true},
    {"iq3_s", "3.7 bits, with importance matrix", 26, Dtype::iq3_s, true},
    {"iq3_xs", "3.5 bits, with importance matrix", 22, Dtype::iq3_s, true},
    {"iq3_xxs", "3.3 bits, with importance matrix", 23, Dtype::iq3_xxs, true},
    {"q2_k", "3.2 bits: much worse than the original", 10, Dtype::q2_K},
    {"q2_k_s", "3.0 bits, with importance matrix", 21, Dtype::q2_K, true},
    {"iq2_m", "2.9 bits, with importance matrix", 29, Dtype::iq2_s, true},
    {"iq2_s", "2.7 bits, with importance matrix", 28, Dtype::iq2_xs, true},
    {"iq2_xs", "2.6 bits, with importance matrix", 20, Dtype::iq2_xs, true},
    {"iq2_xxs", "2.4 bits, with importance matrix", 19, Dtype::iq2_xxs, true},
};

struct Model {
    int64_t layers;
    bool shares_values;  // at least four heads read one value: its matrix is small, and its errors are multiplied
    bool is_70b;
    bool has_importance;
};

// When a rule applies to a weight of a layer.
using Condition = bool (*)(const Model& model, int64_t layer);

bool always(const Model&, int64_t) { return true; }
bool first_two(const Model&, int64_t layer) { return layer < 2; }
bool first_four(const Model&, int64_t layer) { return layer < 4; }
bool first_eighth(const Model& m, int64_t layer) { return layer < m.layers / 8; }
bool first_sixteenth(const Model& m, int64_t layer) { return layer < m.layers / 16; }
bool middle(const Model& m, int64_t layer) { return layer >= m.layers / 8 && layer < 7 * m.layers / 8; }
// The first and last eighth, and every third layer between them.
bool every_third(const Model& m, int64_t layer) { return !middle(m, layer) || (layer - m.layers / 8) % 3 == 2; }
bool shared_values(const Model& m, int64_t) { return m.shares_values; }
bool early_with_importance(const Model& m, int64_t layer) { return m.has_importance && first_eighth(m, layer); }
bool early_without_importance(const Model& m, int64_t layer) { return !m.has_importance && first_eighth(m, layer); }

// The first rule that applies to a weight, by its name in GGUF, gives its dtype; without one it is the base type.
struct Rule {
    std::string_view file_types;  // names, each with a blank before and after it
    std::string_view weight;
    Condition applies;
    Dtype dtype;
};

constexpr Rule rules[] = {
    {" q5_k_m q4_k_m ", "attn_v", every_third, Dtype::q6_K},
    {" q5_k_m q4_k_m ", "ffn_down", every_third, Dtype::q6_K},
    {" q4_k_s ", "attn_v", first_four, Dtype::q5_K},
    {" q4_k_s ", "ffn_down", first_eighth, Dtype::q5_K},
    {" q4_0 ", "ffn_down", early_with_importance, Dtype::q4_1},
    {" q5_0 ", "ffn_down", early_with_importance, Dtype::q5_1},
    {" iq4_nl iq4_xs ", "attn_v", shared_values, Dtype::q5_K},
    {" iq4_nl iq4_xs ", "ffn_down", early_without_importance, Dtype::q5_K},
    {" q3_k_l ", "attn_v", always, Dtype::q5_K},
    {" q3_k_l ", "ffn_down", always, Dtype::q5_K},
    {" q3_k_l ", "attn_output", always, Dtype::q5_K},
    {" q3_k_m ", "attn_v", first_two, Dtype::q5_K},
    {" q3_k_m ", "attn_v", always, Dtype::q4_K},
    {" q3_k_m ", "ffn_down", first_sixteenth, Dtype::q5_K},
    {" q3_k_m ", "ffn_down", always, Dtype::q4_K},
    {" q3_k_m ", "attn_output", always, Dtype::q4_K},
    {" iq3_m ", "attn_v", always, Dtype::q4_K},
    {" iq3_m ", "ffn_down", first_eighth, Dtype::q4_K},
    {" iq3_m ", "attn_output", always, Dtype::q4_K},
    {" iq3_s iq3_xs iq3_xxs ", "attn_v", shared_values, Dtype::q4_K},
    {" iq3_xs ", "attn_q", always, Dtype::iq3_xxs},
    {" iq3_xs ", "attn_k", always, Dtype::iq3_xxs},
    {" iq3_xs ", "ffn_gate", middle, Dtype::iq3_xxs},
    {" iq3_xs ", "ffn_up", middle, Dtype::iq3_xxs},
    {" iq3_xxs ", "token_embd", always, Dtype::iq3_s},
    {" iq3_xxs ", "attn_q", always, Dtype::iq2_s},
    {" iq3_xxs ", "attn_k", always, Dtype::iq2_s},
    {" iq3_xxs ", "attn_output", always, Dtype::iq3_s},
    {" q2_k q2_k_s iq2_m iq2_s iq2_xs iq2_xxs ", "attn_v", shared_values, Dtype::q4_K},
    {" q2_k ", "attn_v", always, Dtype::q3_K},
    {" q2_k ", "ffn_down", always, Dtype::q3_K},
    {" q2_k ", "attn_output", always, Dtype::q3_K},
    {" q2_k_s ", "ffn_down", first_eighth, Dtype::q4_K},
    {" iq2_m iq2_s ", "token_embd", always, Dtype::iq3_s},
    {" iq2_m iq2_s ", "attn_v", always, Dtype::iq3_s},
    {" iq2_m iq2_s ", "ffn_down", first_eighth, Dtype::iq3_s},
    {" iq2_m iq2_s ", "attn_output", always, Dtype::iq3_s},
    {" iq2_xs iq2_xxs ", "token_embd", always, Dtype::q2_K},
    {" iq2_xs iq2_xxs ", "attn_v", always, Dtype::q2_K},
    {" iq2_xs iq2_xxs ", "ffn_down", first_eighth, Dtype::q2_K},
    {" iq3_xxs iq2_m iq2_s iq2_xs iq2_xxs ", "output", always, Dtype::q5_K},
};

Dtype dtype_by_rules(const FileType& type, std::string_view weight, int64_t layer, const Model& model) {
    std::string listed = fmt::format(" {} ", type.name);
    for (const Rule& rule : rules)
        if (rule.weight == weight && rule.file_types.find(listed) != rule.file_types.npos && rule.applies(model, layer))
            return rule.dtype;
    return weight == "output" && type.base != Dtype::q8_0 ? Dtype::q6_K : type.base;
}

Dtype wanted_dtype(const FileType& type, const WeightInfo& weight, const Config& config, const Model& model) {
    if (weight.is_vector()) return Dtype::f32;
    if (!is_block_type(type.base)) return type.base;
    bool is_output = weight.kind == WeightKind::output || (config.tied && weight.kind == WeightKind::embedding);
    Dtype dtype = dtype_by_rules(type, is_output ? "output" : weight.gguf, weight.layer, model);
    if (model.is_70b && weight.gguf == "attn_v" && (dtype == Dtype::q3_K || dtype == Dtype::q4_K)) return Dtype::q5_K;
    return dtype;
}

// A dtype whose blocks the rows are whole ones of: about as fine, in blocks of 32 instead of 256.
Dtype fitting_dtype(Dtype wanted, const WeightInfo& weight) {
    auto fits = [&](Dtype dtype) { return weight.columns % info(dtype).block == 0; };
    if (weight.is_vector() || fits(wanted)) return wanted;
    Dtype other = wanted == Dtype::q4_K   ? Dtype::q5_0
                  : wanted == Dtype::q5_K ? Dtype::q5_1
                  : wanted == Dtype::q6_K ? Dtype::q8_0
                                          : Dtype::iq4_nl;
    if (weight.kind == WeightKind::output) other = Dtype::q8_0;
    return fits(other) ? other : Dtype::f16;
}

}  // namespace

std::span<const FileType> file_types() { return types; }

const FileType& find_file_type(std::string_view name) {
    for (const FileType& type : types)
        if (type.name == name) return type;
    std::string known;
    for (const FileType& type : types) known += (known.empty() ? "" : ", ") + std::string(type.name);
    fail(ErrorKind::usage, "'{}' is no type of quantized models; use one of: {}", printable(name), known);
}

QuantizationMix mix_weights(const FileType& type, const Config& config, bool has_importance) {
    if (type.needs_importance && !has_importance)
        fail(ErrorKind::usage,
             "{} needs an importance matrix, from a file or measured on a text: it has too few bits for errors that "
             "all count alike",
             type.name);
    Model model{.layers = config.layers,
                .shares_values = config.heads / config.kv_heads >= 4,
                .is_70b = config.layers == 80 && config.heads > config.kv_heads,
                .has_importance = has_importance};
    QuantizationMix mix;
    for (const WeightInfo& weight : list_weights(config)) {
        if (weight.kind == WeightKind::output && config.tied) continue;
        Dtype wanted = wanted_dtype(type, weight, config, model);
        mix.weights.push_back({weight, fitting_dtype(wanted, weight), wanted});
    }
    return mix;
}

int64_t QuantizationMix::bytes() const {
    int64_t total = 0;
    for (const MixedWeight& mixed : weights) total += *bytes_of(mixed.dtype, mixed.weight.count());
    return total;
}

std::string QuantizationMix::fallbacks() const {
    std::map<std::tuple<int64_t, Dtype, Dtype>, int> counts;
    for (const MixedWeight& mixed : weights)
        if (mixed.dtype != mixed.wanted) ++counts[{mixed.weight.columns, mixed.wanted, mixed.dtype}];
    std::string text;
    for (const auto& [key, count] : counts) {
        const auto& [columns, wanted, dtype] = key;
        text += fmt::format("{}{} {} {} instead of {}: rows of {} elements are not whole blocks of {}",
                            text.empty() ? "" : "; ", count, count == 1 ? "weight is" : "weights are", info(dtype).name,
                            info(wanted).name, columns, info(wanted).block);
    }
    return text;
}

}  // namespace puna
