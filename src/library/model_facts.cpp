#include "library/model_facts.h"

#include "core/mapped_file.h"

#include <algorithm>

namespace puna {

namespace {

namespace fs = std::filesystem;

std::vector<TypeShare> count_types(ModelSource& source) {
    std::vector<TypeShare> types;
    for (const WeightInfo& info : list_weights(source.config())) {
        if (info.kind == WeightKind::output && source.config().tied) continue;
        StoredWeight stored = source.inspect(info);
        Dtype dtype = stored.parts[0].dtype;
        auto share = std::find_if(types.begin(), types.end(), [=](const TypeShare& t) { return t.dtype == dtype; });
        if (share == types.end()) share = types.insert(types.end(), {.dtype = dtype});
        ++share->tensors;
        share->parameters += info.count();
        for (const Tensor& part : stored.parts) share->bytes += part.bytes();
    }
    std::sort(types.begin(), types.end(), [](const TypeShare& a, const TypeShare& b) { return a.bytes > b.bytes; });
    return types;
}

}  // namespace

int64_t ModelFacts::bytes() const {
    int64_t total = 0;
    for (const TypeShare& share : types) total += share.bytes;
    return total;
}

double ModelFacts::bits_per_weight() const {
    return types.empty() ? 0 : 8 * static_cast<double>(bytes()) / static_cast<double>(parameters);
}

ModelFacts facts_of_config(std::string name, std::string format, const Config& config) {
    return {
        .name = std::move(name), .format = std::move(format), .config = config, .parameters = parameter_count(config)};
}

ModelFacts read_model_facts(const fs::path& path) {
    if (!is_model(path) && file_exists(path / "config.json"))
        return facts_of_config(path.string(), "config.json only", read_config(path / "config.json"));
    std::shared_ptr<ModelSource> source = open_model(path);
    check_tensors(*source);
    ModelFacts facts = facts_of_config(path.string(), source->format(), source->config());
    facts.types = count_types(*source);
    facts.source = source;
    return facts;
}

std::vector<HeldWeight> weights_of(const Kernels& kernels, const ModelFacts& facts, std::optional<Dtype> type) {
    if (facts.source) return held_weights(kernels, *facts.source, type);
    return planned_weights(facts.config, type.value_or(facts.config.dtype.value_or(Dtype::bf16)));
}

}  // namespace puna
