#include "kernels/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace puna {
namespace {

TEST(Arena, TensorsAreAlignedAndDoNotOverlap) {
    Arena arena(choose_kernels());
    std::vector<Tensor> tensors;
    for (int64_t n : {1, 63, 64, 65, 0, 100'000, 3'000'000, 7}) {
        tensors.push_back(arena.tensor(Dtype::u8, {n}));
        EXPECT_EQ(reinterpret_cast<uintptr_t>(tensors.back().data) % 64, 0u);
        std::memset(tensors.back().data, static_cast<int>(tensors.size()), static_cast<size_t>(n));
    }
    for (size_t i = 0; i < tensors.size(); ++i)
        for (uint8_t byte : tensors[i].span<uint8_t>()) ASSERT_EQ(byte, i + 1);
}

TEST(Arena, RewindingRepeatsTheSameAddresses) {
    Arena arena(choose_kernels());
    arena.tensor(Dtype::f32, {10});
    Arena::Mark mark = arena.mark();
    std::vector<void*> first;
    for (int step = 0; step < 3; ++step) {
        std::vector<void*> addresses;
        for (int64_t n : {1000, 2'000'000, 5, 3'000'000, 1}) addresses.push_back(arena.tensor(Dtype::f32, {n}).data);
        if (step == 0) first = addresses;
        EXPECT_EQ(addresses, first);
        arena.rewind(mark);
    }
}

TEST(Arena, HighWaterIsThePeakAndSurvivesRewinding) {
    Arena arena(choose_kernels());
    Arena::Mark mark = arena.mark();
    arena.tensor(Dtype::u8, {1 << 20});
    EXPECT_EQ(arena.high_water(), size_t{1} << 20);
    arena.rewind(mark);
    arena.tensor(Dtype::u8, {64});
    EXPECT_EQ(arena.high_water(), size_t{1} << 20);
}

TEST(Arena, ZerosClearsReusedMemory) {
    Arena arena(choose_kernels());
    Arena::Mark mark = arena.mark();
    std::memset(arena.tensor(Dtype::u8, {1000}).data, 7, 1000);
    arena.rewind(mark);
    Tensor zeros = arena.zeros({}, Dtype::u8, {1000});
    for (uint8_t byte : zeros.span<uint8_t>()) ASSERT_EQ(byte, 0);
}

TEST(Arena, FailedAllocationIsAnErrorAndTheArenaStaysUsable) {
    Arena arena(choose_kernels());
    EXPECT_THROW(arena.tensor(Dtype::u8, {int64_t{1} << 60}), Error);
    EXPECT_EQ(arena.tensor(Dtype::u8, {8}).count(), 8) << "the arena is still usable";
}

}  // namespace
}  // namespace puna
