#include "core/blocks.h"
#include "core/random.h"
#include "kernels/cpu/grids.h"
#include "kernels/cpu/unpacked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace puna {
namespace {

// Any bytes are a block, if its scales are finite.
template <class Block>
Block random_block(Random& random) {
    std::vector<std::byte> bytes(sizeof(Block));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
    Block block;
    std::memcpy(static_cast<void*>(&block), bytes.data(), bytes.size());
    block.d = f16(random.normal());
    if constexpr (requires { block.m; }) block.m = f16(random.normal());
    return block;
}

TEST(BlockLayouts, PackingIsTheInverseOfUnpacking) {
    Random random(1);
    for (const DtypeInfo& type : block_types)
        with_block(type.dtype, [&]<class Block>() {
            for (int i = 0; i < 100; ++i) {
                Block block = random_block<Block>(random), again;
                pack_block(&again, type.dtype, unpack_block(type.dtype, &block));
                EXPECT_EQ(std::memcmp(&again, &block, sizeof(Block)), 0) << type.name;
            }
        });
}

TEST(BlockLayouts, EveryBitOfABlockChangesItsNumbers) {
    Random random(2);
    for (const DtypeInfo& type : block_types)
        with_block(type.dtype, [&]<class Block>() {
            Block block = random_block<Block>(random);
            UnpackedBlock before = unpack_block(type.dtype, &block);
            for (size_t bit = 0; bit < 8 * sizeof(Block); ++bit) {
                Block changed = block;
                reinterpret_cast<uint8_t*>(&changed)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
                UnpackedBlock after = unpack_block(type.dtype, &changed);
                EXPECT_NE(std::memcmp(&after, &before, sizeof(after)), 0) << type.name << " bit " << bit;
            }
        });
}

TEST(BlockLayouts, NumbersThatATypeCannotHoldAreBugs) {
    UnpackedBlock numbers;
    BlockIQ2_XXS block;
    std::fill_n(numbers.scale, 16, int8_t{1});
    std::fill_n(numbers.q, 256, int8_t{8});
    pack_block(&block, block.dtype, numbers);
    numbers.q[3] = -8;
    EXPECT_THROW(pack_block(&block, block.dtype, numbers), Bug) << "an odd number of negative elements";
    numbers.q[3] = 9;
    EXPECT_THROW(pack_block(&block, block.dtype, numbers), Bug) << "not in the grid";
}

TEST(Grids, AnIndexIsTheRankOfItsPoint) {
    struct {
        const Grid& grid;
        int size, dimensions;
    } expected[] = {{iq2_xxs_grid(), 256, 8},
                    {iq2_xs_grid(), 512, 8},
                    {iq2_s_grid(), 1024, 8},
                    {iq3_xxs_grid(), 256, 4},
                    {iq3_s_grid(), 512, 4}};
    for (const auto& [grid, size, dimensions] : expected) {
        ASSERT_EQ(grid.size(), size);
        ASSERT_EQ(grid.dimensions(), dimensions);
        for (int i = 0; i < size; ++i) EXPECT_EQ(grid.index_of(grid.point(i)), i);
    }
    std::vector<uint8_t> none{8, 8, 8, 8, 8, 8, 8, 9};
    EXPECT_EQ(iq2_xxs_grid().index_of(none.data()), -1);
}

}  // namespace
}  // namespace puna
