#include "model/shapes.h"

namespace puna {

namespace {

struct Shape {
    std::string_view name;
    int64_t dim, layers, heads, kv_heads, ffn, vocabulary;
    bool tied;
    double rope_factor;  // of llama3's scaling, as of Llama 3.1 and 3.2; 1: none
};

constexpr Shape shapes[] = {
    {"1b", 2048, 16, 32, 8, 8192, 128256, true, 32},       {"3b", 3072, 28, 24, 8, 8192, 128256, true, 32},
    {"8b", 4096, 32, 32, 8, 14336, 128256, false, 8},      {"70b", 8192, 80, 64, 8, 28672, 128256, false, 8},
    {"405b", 16384, 126, 128, 8, 53248, 128256, false, 8}, {"15m", 288, 6, 6, 6, 768, 32000, false, 1},
    {"25m", 512, 8, 8, 4, 1408, 8192, false, 1},           {"110m", 768, 12, 12, 12, 2048, 32000, false, 1},
};

}  // namespace

std::vector<std::string_view> enum_names(ModelShape) {
    std::vector<std::string_view> names;
    for (const Shape& shape : shapes) names.push_back(shape.name);
    return names;
}

Config config_of_shape(ModelShape shape) {
    const Shape& s = shapes[static_cast<size_t>(shape)];
    Config config;
    config.dim = s.dim;
    config.layers = s.layers;
    config.heads = s.heads;
    config.kv_heads = s.kv_heads;
    config.head_dim = s.dim / s.heads;
    config.ffn = s.ffn;
    config.vocabulary = s.vocabulary;
    config.tied = s.tied;
    config.context = 131072;
    if (s.rope_factor > 1) config.rope_scaling = RopeScaling{.factor = s.rope_factor};
    return config;
}

}  // namespace puna
