#include "core/tensor.h"

#include "core/blocks.h"

#include <gtest/gtest.h>

#include <vector>

namespace puna {
namespace {

TEST(Tensor, ViewsHaveShapeRowsAndSpan) {
    std::vector<float> values(24);
    Tensor x(values.data(), Dtype::f32, {2, 3, 4});
    EXPECT_EQ(x.count(), 24);
    EXPECT_EQ(x.bytes(), 96);
    EXPECT_EQ(x.rows(), 6);
    EXPECT_EQ(x.columns(), 4);
    EXPECT_EQ(x.shape(), "f32 [2, 3, 4]");
    EXPECT_EQ(fmt::format("{}", x), "f32 [2, 3, 4]");
    EXPECT_EQ(x.row<float>(5), values.data() + 20);
    EXPECT_EQ(x.span<float>().size(), 24u);
}

TEST(Tensor, ScalarsAndEmptyTensorsHaveShapes) {
    Tensor scalar(nullptr, Dtype::i64, {}), empty(nullptr, Dtype::bf16, {3, 0});
    EXPECT_EQ(scalar.count(), 1);
    EXPECT_EQ(scalar.rows(), 1);
    EXPECT_EQ(scalar.shape(), "i64 []");
    EXPECT_EQ(empty.count(), 0);
    EXPECT_EQ(empty.rows(), 0);
    EXPECT_FALSE(empty);
}

TEST(Tensor, AccessAsAnotherTypeIsABug) {
    float value = 1;
    Tensor x(&value, Dtype::f32, {1});
    EXPECT_EQ(x.as<float>()[0], 1);
    EXPECT_THROW(x.as<int32_t>(), Bug);
}

TEST(Tensor, InvalidShapesAreBugs) {
    int64_t large = int64_t{1} << 32;
    EXPECT_THROW(Tensor(nullptr, Dtype::u8, {-1}), Bug);
    EXPECT_THROW(Tensor(nullptr, Dtype::u8, {large, large}), Bug);
    EXPECT_THROW(Tensor(nullptr, Dtype::f32, {large, large / 4}), Bug) << "the count fits in 64 bits, the bytes do not";
    EXPECT_THROW(Tensor(nullptr, Dtype::u8, {1, 1, 1, 1, 1}), Bug);
}

TEST(Tensor, SliceAndReshapeShareTheData) {
    std::vector<bf16> values(12);
    Tensor x(values.data(), Dtype::bf16, {4, 3});
    EXPECT_EQ(x.slice(1, 2).shape(), "bf16 [2, 3]");
    EXPECT_EQ(x.slice(1, 2).data, values.data() + 3);
    EXPECT_EQ(x.slice(4, 0).count(), 0);
    EXPECT_THROW(x.slice(3, 2), Bug);
    EXPECT_THROW(x.slice(-1, 2), Bug);
    EXPECT_EQ(x.reshape({2, 6}).data, values.data());
    EXPECT_THROW(x.reshape({5, 2}), Bug);
}

TEST(Tensor, RowsOfABlockTypeAreWholeBlocks) {
    std::vector<BlockQ8_0> values(6);
    Tensor x(values.data(), Dtype::q8_0, {3, 64});
    EXPECT_EQ(x.shape(), "q8_0 [3, 64]");
    EXPECT_EQ(x.bytes(), 6 * 34);
    EXPECT_EQ(x.row_bytes(), 2 * 34);
    EXPECT_EQ(blocks<BlockQ8_0>(x, 2), values.data() + 4);
    EXPECT_THROW(blocks<BlockQ4_0>(x, 0), Bug);
    EXPECT_THROW(Tensor(nullptr, Dtype::q8_0, {64, 3}), Bug) << "the total is a multiple of 32, the rows are not";
    EXPECT_THROW(Tensor(nullptr, Dtype::q6_K, {}), Bug);
    EXPECT_EQ(Tensor(nullptr, Dtype::q6_K, {7, 0}).bytes(), 0);
}

TEST(Tensor, SlicesAndReshapesOfABlockTypeKeepBlocksWhole) {
    std::vector<BlockQ4_0> values(12);
    Tensor x(values.data(), Dtype::q4_0, {2, 3, 64});
    EXPECT_EQ(x.slice(1, 1).data, values.data() + 6);
    EXPECT_EQ(x.slice(1, 1).bytes(), 6 * 18);
    EXPECT_EQ(x.reshape({6, 64}).slice(4, 2).data, values.data() + 8);
    EXPECT_THROW(x.reshape({24, 16}), Bug);
    Tensor row = x.reshape({384});
    EXPECT_EQ(row.slice(32, 64).data, values.data() + 1);
    EXPECT_THROW(row.slice(16, 32), Bug);
    EXPECT_THROW(row.slice(32, 16), Bug);
}

TEST(Tensor, BlockTypesAreDispatchedToTheirStructs) {
    auto size = [](Dtype dtype) { return with_block(dtype, []<class Block>() { return sizeof(Block); }); };
    for (const DtypeInfo& known : dtypes) {
        if (!is_block_type(known.dtype)) {
            EXPECT_THROW(size(known.dtype), Bug) << known.name;
            continue;
        }
        EXPECT_EQ(size(known.dtype), static_cast<size_t>(known.block_bytes)) << known.name;
        with_block(known.dtype, [&]<class Block>() { EXPECT_EQ(Block::dtype, known.dtype); });
    }
}

}  // namespace
}  // namespace puna
