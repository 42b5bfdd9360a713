#include "model/weights.h"

#include <fmt/format.h>

namespace puna {

namespace {

// For the facts of a model without its weights: all layers have the same.
struct OneLayer {
    Param tok_embeddings;
    std::array<Layer, 1> layers;
    Param norm;
    Linear output;
};

// f(const WeightInfo&, int64_t times): each weight of a layer is there `times` times.
template <class F>
void visit_facts(const Config& config, F f) {
    OneLayer model;
    visit(config, model, [&](auto&, const WeightInfo& info) { f(info, info.layer < 0 ? 1 : config.layers); });
}

std::string full_name(const WeightInfo& weight, std::string_view prefix, std::string_view name) {
    std::string_view end = weight.kind == WeightKind::bias ? "bias" : "weight";
    return weight.layer < 0 ? fmt::format("{}.{}", name, end)
                            : fmt::format("{}{}.{}.{}", prefix, weight.layer, name, end);
}

}  // namespace

std::vector<int64_t> WeightInfo::shape() const { return is_vector() ? std::vector{rows} : std::vector{rows, columns}; }

WeightInfo bias_of(const WeightInfo& matrix) {
    WeightInfo bias = matrix;
    bias.columns = 1;
    bias.kind = WeightKind::bias;
    if (bias.split == Split::columns) bias.split = Split::none;
    return bias;
}

std::vector<WeightInfo> list_weights(const Config& config) {
    std::vector<WeightInfo> list, layer;
    auto add_layers = [&] {
        for (int64_t i = 0; i < config.layers; ++i)
            for (WeightInfo info : layer) {
                info.layer = i;
                list.push_back(info);
            }
        layer.clear();
    };
    visit_facts(config, [&](const WeightInfo& info, int64_t) {
        if (info.layer < 0) add_layers();
        (info.layer < 0 ? list : layer).push_back(info);
    });
    return list;
}

std::string name_of(const WeightInfo& weight) { return full_name(weight, "layers.", weight.name); }
std::string hugging_face_name(const WeightInfo& weight) {
    return full_name(weight, "model.layers.", weight.hugging_face);
}
std::string gguf_name(const WeightInfo& weight) { return full_name(weight, "blk.", weight.gguf); }

int64_t parameter_count(const Config& config) {
    int64_t count = 0;
    visit_facts(config, [&](const WeightInfo& info, int64_t times) {
        if (info.kind != WeightKind::output || !config.tied) count += times * info.count();
    });
    return count;
}

double training_operations(const Config& config, int64_t sequence) {
    int64_t multiplied = 0;
    visit_facts(config, [&](const WeightInfo& info, int64_t times) {
        if (!info.is_vector() && info.kind != WeightKind::embedding) multiplied += times * info.count();
    });
    return 6 * static_cast<double>(multiplied) + 6 * static_cast<double>(config.layers * config.q_dim() * sequence);
}

}  // namespace puna
