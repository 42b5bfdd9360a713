#include "library/memory_advice.h"

#include "model/quantization_mix.h"
#include "model/shapes.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace puna {
namespace {

// One weight for all: a plan asks for their bytes only.
TEST(MemoryAdvice, TheQuantizedFileThatItNamesFits) {
    Config config = config_of_shape(ModelShape::b1);
    std::vector<HeldWeight> whole = {{2 * parameter_count(config)}};
    const Kernels& kernels = choose_kernels();
    std::set<std::string> named;
    for (int64_t available = 500'000'000; available < 3'000'000'000; available += 20'000'000) {
        std::string advice = memory_advice(kernels, config, whole, {.context = 2048}, available);
        std::smatch type;
        if (!std::regex_search(advice, type, std::regex("quantized to (\\w+), with .* weights, it would fit")))
            continue;
        named.insert(type[1]);
        int64_t bytes = mix_weights(find_file_type(type[1].str()), config, true).bytes();
        EXPECT_TRUE(plan_memory(kernels, config, std::vector<HeldWeight>{{bytes}}, {.context = 2048}, available).fits())
            << advice << " in " << available;
    }
    EXPECT_GE(named.size(), 4u);
}

}  // namespace
}  // namespace puna
