#include "core/system_memory.h"

#include "core/atomic_file.h"
#include "core/test_folder.h"

#include <gtest/gtest.h>

#include <limits>
#include <string_view>
#include <vector>

namespace puna {
namespace {

class AvailableMemory : public testing::Test {
 protected:
    void write(const std::filesystem::path& file, std::string_view text) const {
        std::filesystem::create_directories((folder_ / file).parent_path());
        write_file(folder_ / file, text);
    }
    int64_t available() const { return available_memory(folder_.path()); }

    TestFolder folder_;
};

TEST_F(AvailableMemory, IsWithoutALimitWhereNothingIsKnown) {
    EXPECT_EQ(available(), std::numeric_limits<int64_t>::max());
}

TEST_F(AvailableMemory, IsTheLeastOfTheMachineTheCgroupAndItsAncestors) {
    write("proc/meminfo", "MemTotal:       9000 kB\nMemAvailable:   5000 kB\n");
    EXPECT_EQ(available(), 5000 * 1024);
    write("proc/self/cgroup", "0::/user/session\n");
    write("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    write("sys/fs/cgroup/user/session/memory.max", "max\n");
    write("sys/fs/cgroup/user/session/memory.current", "400000\n");
    EXPECT_EQ(available(), 5000 * 1024);
    write("sys/fs/cgroup/user/session/memory.max", "1000000\n");
    EXPECT_EQ(available(), 600000);
    write("sys/fs/cgroup/user/session/memory.stat", "anon 300000\ninactive_file 70000\nactive_file 20000\n");
    EXPECT_EQ(available(), 690000) << "pages of files are given up first";
    write("sys/fs/cgroup/user/memory.max", "900000\n");
    write("sys/fs/cgroup/user/memory.current", "500000\n");
    EXPECT_EQ(available(), 400000);
    write("sys/fs/cgroup/user/memory.high", "450000\n");
    EXPECT_EQ(available(), 0);
}

TEST_F(AvailableMemory, KnowsTheFirstVersionOfCgroups) {
    write("proc/meminfo", "MemAvailable:   5000 kB\n");
    write("proc/self/cgroup", "9:cpu:/other\n4:memory:/box\n0::/\n");
    write("proc/self/mountinfo",
          "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw - "
          "cgroup2 cgroup2 rw\n");
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    write("sys/fs/cgroup/memory/memory.usage_in_bytes", "800000\n");
    EXPECT_EQ(available(), 5000 * 1024);
    write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "500000\n");
    write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "300000\n");
    write("sys/fs/cgroup/memory/box/memory.stat", "total_inactive_file 100000\ntotal_active_file 50000\n");
    EXPECT_EQ(available(), 350000);
    write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "500001\n");
    write("sys/fs/cgroup/memory/box/memory.stat", "");
    EXPECT_EQ(available(), 0);
}

TEST(SystemMemory, ResidentMemoryGrowsWithUse) {
    int64_t before = resident_memory();
    std::vector<char> bytes(64 << 20, 1);
    EXPECT_GE(resident_memory(), before + (60 << 20));
    EXPECT_EQ(bytes.back(), 1);
}

}  // namespace
}  // namespace puna
