// The raw blocks of GGUF files, read by files/gguf.h and dequantized by every kernel table, against the values that the
// format's own tools compute. Equal to the bit: every product of a block's scales and an element is exact in f32.
#include "files/gguf.h"
#include "files/safetensors.h"
#include "kernels/testing/tables.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace puna {
namespace {

const std::filesystem::path golden = "../shared/golden/small3";

std::vector<uint32_t> bits_of(std::span<const float> values) {
    std::vector<uint32_t> bits(values.size());
    std::memcpy(bits.data(), values.data(), values.size_bytes());
    return bits;
}

// The first n values of a tensor of a block type.
std::vector<float> first_values(const Kernels& kernels, Tensor x, int64_t n) {
    std::vector<float> values(static_cast<size_t>(n));
    kernels.dequantize({}, Tensor(values.data(), Dtype::f32, {n}), Tensor(x.data, x.dtype, {n}));
    return values;
}

TEST(GoldenBlocks, DequantizedValuesAreThoseOfTheFormatsTools) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << "../shared/golden is missing";
    SafetensorsFile expected(golden / "quantized.safetensors");
    std::set<Dtype> tested;
    for (const TensorEntry& entry : expected.entries()) {
        std::string name(entry.name), type = name.substr(0, name.find('.')), marker = type + ".dequantized.";
        if (!name.starts_with(marker)) continue;
        std::string block_type = name.substr(marker.size(), name.find('.', marker.size()) - marker.size());
        GgufFile file(golden / "gguf" / ("small3-" + type + ".gguf"));
        const TensorEntry* stored = file.find(name.substr(marker.size() + block_type.size() + 1));
        ASSERT_NE(stored, nullptr) << name;
        EXPECT_EQ(stored->dtype_name, block_type) << name;
        if (!stored->dtype || !is_block_type(*stored->dtype)) continue;
        std::span<float> values = expected.tensor(entry).span<float>();
        for (const Kernels* table : test_tables())
            EXPECT_EQ(bits_of(first_values(*table, file.tensor(*stored), static_cast<int64_t>(values.size()))),
                      bits_of(values))
                << table->name << " " << name;
        tested.insert(*stored->dtype);
    }
    for (const DtypeInfo& known : dtypes)
        EXPECT_EQ(tested.contains(known.dtype), is_block_type(known.dtype)) << known.name;
}

}  // namespace
}  // namespace puna
