#include "infer/failing_memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <vector>

namespace puna {
namespace {

thread_local int64_t allocations_left = -1;  // -1: any number

void* counted_new(size_t bytes) {
    if (allocations_left == 0) throw std::bad_alloc();
    if (allocations_left > 0) --allocations_left;
    if (void* pointer = std::malloc(bytes)) return pointer;
    throw std::bad_alloc();
}

TEST(FailingMemory, FailsAfterTheGivenNumberUntilItsEnd) {
    std::vector<std::vector<int>> made(3);
    {
        FailingMemory memory(1);
        made[0].reserve(1);
        EXPECT_THROW(made[1].reserve(1), std::bad_alloc);
        EXPECT_THROW(made[1].reserve(1), std::bad_alloc);
    }
    made[2].reserve(1);
    EXPECT_EQ(made[0].capacity() + made[1].capacity() + made[2].capacity(), 2u);
}

}  // namespace

FailingMemory::FailingMemory(int64_t allocations) { allocations_left = allocations; }
FailingMemory::~FailingMemory() { allocations_left = -1; }

}  // namespace puna

// Where GCC inlines one of a pair, it takes the two for mismatched.
[[gnu::noinline]] void* operator new(size_t bytes) { return puna::counted_new(bytes); }
[[gnu::noinline]] void operator delete(void* pointer) noexcept { std::free(pointer); }
[[gnu::noinline]] void operator delete(void* pointer, size_t) noexcept { std::free(pointer); }
