#include "library/well_known.h"

#include "library/hub/name.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace puna {
namespace {

constexpr int64_t gb = 1'000'000'000;

TEST(WellKnown, TheLargestThatFitsTheMemoryIsChosen) {
    auto name = [](int64_t available, const EngineOptions& options = {}) {
        const WellKnownModel* model = largest_that_fits(choose_kernels(), options, available);
        return model ? model->name : "none";
    };
    EXPECT_EQ(name(gb / 2), "none");
    EXPECT_EQ(name(2 * gb), "bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M");
    EXPECT_EQ(name(8 * gb), "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M");
    EXPECT_EQ(name(8 * gb, {.context = 32768}), "bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M") << "its cache counts";
    EXPECT_EQ(name(std::numeric_limits<int64_t>::max()), "bartowski/Llama-3.3-70B-Instruct-GGUF:Q4_K_M");
}

TEST(WellKnown, NamesCanBePulledAndSizesGrow) {
    // 0.81 GB is what the hub lists; the file also has the vocabulary.
    EXPECT_NEAR(static_cast<double>(well_known_models()[0].bytes()), 0.8e9, 0.02e9);
    int64_t bytes = 0;
    for (const WellKnownModel& model : well_known_models()) {
        EXPECT_TRUE(parse_hub_name(model.name)) << model.name;
        EXPECT_GT(model.bytes(), bytes) << model.name;
        bytes = model.bytes();
    }
}

}  // namespace
}  // namespace puna
