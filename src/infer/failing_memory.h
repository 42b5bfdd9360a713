// infer/failing_memory.h — for tests: memory that is exhausted after a number of allocations.
//
//   FailingMemory memory(3);          // while in scope: the fourth operator new of this thread and all later ones throw
//   EXPECT_THROW(call(), std::bad_alloc);
//
// failing_memory_test.cpp replaces operator new in this module's test program.
#pragma once
#include <cstdint>

namespace puna {

class FailingMemory {
 public:
    explicit FailingMemory(int64_t allocations);
    ~FailingMemory();
    FailingMemory(const FailingMemory&) = delete;
};

}  // namespace puna
