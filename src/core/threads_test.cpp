#include "core/threads.h"

#include "core/error.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace puna {
namespace {

class Threads : public testing::TestWithParam<int> {
 protected:
    void SetUp() override { set_threads(GetParam()); }
    void TearDown() override { set_threads(0); }
};

INSTANTIATE_TEST_SUITE_P(Counts, Threads, testing::Values(1, 2, 3, 8, 33));

TEST_P(Threads, EveryIndexIsCalledOnce) {
    EXPECT_EQ(threads(), GetParam());
    for (int64_t n : {0, 1, 2, 7, 1000}) {
        std::vector<std::atomic<int>> calls(static_cast<size_t>(n));
        parallel_for(n, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
        for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1);
    }
}

TEST_P(Threads, ChunksDoNotDependOnTheNumberOfThreads) {
    std::vector<std::atomic<int64_t>> last_of(100);
    parallel_for(100, 16, [&](int64_t first, int64_t last) { last_of[static_cast<size_t>(first)] = last; });
    for (int64_t i = 0; i < 100; ++i)
        EXPECT_EQ(last_of[static_cast<size_t>(i)], i % 16 == 0 ? std::min<int64_t>(i + 16, 100) : 0);
}

TEST_P(Threads, ManySmallJobsInARowAllFinish) {
    std::atomic<int64_t> sum{0};
    for (int job = 0; job < 5000; ++job) parallel_for(4, [&](int64_t i) { sum += i; });
    EXPECT_EQ(sum, 5000 * 6);
}

TEST_P(Threads, JobsAfterAPauseWakeSleepingWorkers) {
    std::atomic<int> sum{0};
    for (int job = 0; job < 5; ++job) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        parallel_for(64, [&](int64_t) { ++sum; });
    }
    EXPECT_EQ(sum, 5 * 64);
}

TEST_P(Threads, ExceptionsReachTheCallerAndTheNextJobRuns) {
    for (int round = 0; round < 50; ++round) {
        EXPECT_THROW(parallel_for(100,
                                  [&](int64_t i) {
                                      if (i == 37) fail("at {}", i);
                                  }),
                     Error);
        std::atomic<int> calls{0};
        parallel_for(100, [&](int64_t) { ++calls; });
        EXPECT_EQ(calls, 100);
    }
}

TEST_P(Threads, TheExceptionOfTheFirstChunkThatThrowsIsRethrown) {
    for (int round = 0; round < 50; ++round) {
        std::string message;
        try {
            parallel_for(100, [](int64_t i) {
                if (i == 20) std::this_thread::sleep_for(std::chrono::microseconds(100));  // later ones throw earlier
                if (i >= 20) fail("at {}", i);
            });
        } catch (const Error& problem) {
            message = problem.what();
        }
        EXPECT_EQ(message, "at 20");
    }
}

TEST_P(Threads, NestedLoopsRunCompletely) {
    std::atomic<int> calls{0};
    parallel_for(10, [&](int64_t) { parallel_for(10, [&](int64_t) { parallel_for(3, [&](int64_t) { ++calls; }); }); });
    EXPECT_EQ(calls, 300);
    EXPECT_THROW(parallel_for(10, [](int64_t) { parallel_for(10, [](int64_t) { fail("nested"); }); }), Error);
}

TEST_P(Threads, ConcurrentCallersShareThePool) {
    std::atomic<int64_t> sum{0};
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 4; ++caller)
        callers.emplace_back([&] {
            for (int job = 0; job < 200; ++job) parallel_for(10, [&](int64_t i) { sum += i; });
        });
    callers.clear();
    EXPECT_EQ(sum, 4 * 200 * 45);
}

TEST(ThreadCounts, ZeroSelectsTheDefault) {
    set_threads(0);
    EXPECT_GE(threads(), 1);
    EXPECT_THROW(set_threads(-1), Bug);
    EXPECT_THROW(parallel_for(10, 0, [](int64_t, int64_t) {}), Bug);
}

}  // namespace
}  // namespace puna
