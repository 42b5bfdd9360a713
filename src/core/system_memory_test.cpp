#include "core/system_memory.h"

#include "core/atomic_file.h"
#include "core/test_folder.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace puna {
namespace {

TEST(SystemMemory, AvailableIsTheLeastOfTheMachineAndTheCgroup) {
    TestFolder folder;
    EXPECT_EQ(available_memory(folder.path()), std::numeric_limits<int64_t>::max()) << "nothing is known";
    std::filesystem::create_directories(folder / "proc");
    std::filesystem::create_directories(folder / "sys/fs/cgroup/memory");
    write_file(folder / "proc/meminfo", "MemTotal:       9000 kB\nMemAvailable:   5000 kB\n");
    EXPECT_EQ(available_memory(folder.path()), 5000 * 1024);
    write_file(folder / "sys/fs/cgroup/memory.max", "max\n");
    write_file(folder / "sys/fs/cgroup/memory.current", "400000\n");
    EXPECT_EQ(available_memory(folder.path()), 5000 * 1024);
    write_file(folder / "sys/fs/cgroup/memory.max", "1000000\n");
    EXPECT_EQ(available_memory(folder.path()), 600000);
    write_file(folder / "sys/fs/cgroup/memory.stat", "anon 300000\ninactive_file 70000\nactive_file 1\n");
    EXPECT_EQ(available_memory(folder.path()), 670000);
    write_file(folder / "sys/fs/cgroup/memory/memory.limit_in_bytes", "500000\n");
    write_file(folder / "sys/fs/cgroup/memory/memory.usage_in_bytes", "500001\n");
    EXPECT_EQ(available_memory(folder.path()), 0);
}

TEST(SystemMemory, ResidentMemoryGrowsWithUse) {
    int64_t before = resident_memory();
    std::vector<char> bytes(64 << 20, 1);
    EXPECT_GE(resident_memory(), before + (60 << 20));
    EXPECT_EQ(bytes.back(), 1);
}

}  // namespace
}  // namespace puna
