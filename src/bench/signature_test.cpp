#include "bench/signature.h"

#include "core/threads.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(Signature, MatchesTheCommittedOneOnAnyNumberOfThreads) {
    for (int n : {1, 2, 3}) {
        set_threads(n);
        EXPECT_EQ(compute_signature(), committed_signature) << n << " threads";
    }
    set_threads(0);
}

}  // namespace
}  // namespace puna
