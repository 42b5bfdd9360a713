// model/shapes.h — the sizes of well-known Llamas, for plans and benchmarks without a file.
//
//   Config config = config_of_shape(ModelShape::b8);
#pragma once
#include "model/config.h"

#include <string_view>
#include <vector>

namespace puna {

// Llama 3.2 1B and 3B, Llama 3.1 8B, 70B and 405B, and sizes that people train from scratch.
enum class ModelShape { b1, b3, b8, b70, b405, m15, m25, m110 };
std::vector<std::string_view> enum_names(ModelShape);  // "1b"

Config config_of_shape(ModelShape shape);

}  // namespace puna
