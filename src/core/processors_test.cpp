#include "core/processors.h"

#include "core/test_folder.h"

#include <gtest/gtest.h>

#include <fstream>

namespace puna {
namespace {

constexpr std::string_view mounts2 =
    "25 1 0:22 / /proc rw - proc proc rw\n"
    "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr std::string_view mounts1 =
    "30 25 0:26 / /cg/memory rw - cgroup cgroup rw,memory\n"
    "31 25 0:27 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";

class CgroupQuota : public testing::Test {
 protected:
    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text << "\n";
    }
    std::optional<double> quota(std::string_view cgroup, std::string_view mounts) {
        return cgroup_quota(cgroup, mounts, root_.path());
    }
    TestFolder root_;
};

TEST_F(CgroupQuota, V2IsTheSmallestOfAllAncestors) {
    write("sys/fs/cgroup/a/cpu.max", "200000 100000");
    write("sys/fs/cgroup/a/b/cpu.max", "max 100000");
    EXPECT_EQ(quota("0::/a/b\n", mounts2), 2);
    write("sys/fs/cgroup/a/b/cpu.max", "150000 100000");
    EXPECT_EQ(quota("0::/a/b\n", mounts2), 1.5);
    EXPECT_EQ(quota("0::/a\n", mounts2), 2);
    EXPECT_EQ(quota("0::/\n", mounts2), std::nullopt);
}

TEST_F(CgroupQuota, V1ComesFromTheCpuController) {
    write("cg/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "50000");
    write("cg/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000");
    EXPECT_EQ(quota("5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/\n", mounts1), 0.5);
    write("cg/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "-1");
    EXPECT_EQ(quota("4:cpu,cpuacct:/docker/x\n", mounts1), std::nullopt);
}

// A container sees its own cgroup as the mount's root, or under another path in /proc.
TEST_F(CgroupQuota, ContainersUseTheMountedCgroup) {
    write("sys/fs/cgroup/cpu.max", "300000 100000");
    EXPECT_EQ(quota("0::/\n", mounts2), 3);
    EXPECT_EQ(quota("0::/../../pod/container\n", mounts2), 3);
    EXPECT_EQ(quota("0::/docker/y\n", "30 25 0:26 /docker/y /sys/fs/cgroup ro - cgroup2 cgroup rw\n"), 3);
}

TEST_F(CgroupQuota, UnreadableFilesSetNoLimit) {
    EXPECT_EQ(quota("", ""), std::nullopt);
    EXPECT_EQ(quota("nonsense", "nonsense - \n - cgroup2"), std::nullopt);
    write("sys/fs/cgroup/cpu.max", "many tokens");
    EXPECT_EQ(quota("0::/\n", mounts2), std::nullopt);
}

TEST(DefaultThreads, OnePerCoreWithinTheQuota) {
    EXPECT_EQ(default_threads({.logical = 8, .cores = 4, .quota = {}}), 4);
    EXPECT_EQ(default_threads({.logical = 8, .cores = 4, .quota = 2.0}), 2);
    EXPECT_EQ(default_threads({.logical = 8, .cores = 4, .quota = 1.5}), 2);
    EXPECT_EQ(default_threads({.logical = 8, .cores = 4, .quota = 0.1}), 1);
    EXPECT_EQ(default_threads({.logical = 2, .cores = 2, .quota = 64.0}), 2);
}

TEST(Oversubscription, BeginsBeyondLogicalProcessorsOrQuota) {
    Processors unlimited{.logical = 4, .cores = 2, .quota = {}}, limited{.logical = 4, .cores = 2, .quota = 1.5};
    EXPECT_FALSE(is_oversubscribed(unlimited, 4));
    EXPECT_TRUE(is_oversubscribed(unlimited, 5));
    EXPECT_FALSE(is_oversubscribed(limited, 1));
    EXPECT_TRUE(is_oversubscribed(limited, 2));
}

}  // namespace
}  // namespace puna
