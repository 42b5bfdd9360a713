#include "files/torch_writer.h"

#include "core/test_folder.h"
#include "files/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <numeric>

namespace puna {
namespace {

class TorchWriting : public testing::Test {
 protected:
    TorchWriting() {
        std::iota(values_.begin(), values_.end(), -3.0f);
        for (float value : values_) small_.push_back(bf16(value));
        Tensor matrix(values_.data(), Dtype::f32, {2, 3}), vector(small_.data(), Dtype::bf16, {6});
        TorchWriter writer(path(), {spec_of({"layers.0.w", matrix}), spec_of({"norm", vector})});
        writer.write(matrix);
        writer.write(vector);
        writer.commit();
    }
    std::filesystem::path path() const { return folder_ / "consolidated.00.pth"; }

    std::vector<float> values_ = std::vector<float>(6);
    std::vector<bf16> small_;
    TestFolder folder_;
};

TEST_F(TorchWriting, TensorsAreReadBackAndAligned) {
    TorchFile file(path());
    EXPECT_EQ(file.entries().size(), 2u);
    EXPECT_EQ(file.tensor("layers.0.w").shape(), "f32 [2, 3]");
    EXPECT_THAT(file.tensor("layers.0.w").span<float>(), testing::ElementsAreArray(values_));
    EXPECT_EQ(file.tensor("norm").shape(), "bf16 [6]");
    for (const TensorEntry& entry : file.entries())
        EXPECT_EQ(reinterpret_cast<uintptr_t>(entry.bytes.data()) % 64, 0u) << entry.name;
}

// Python's own modules read the container and check its sums.
TEST_F(TorchWriting, PythonFindsTheArchiveSound) {
    std::string command =
        "python3 -c \"import sys, zipfile, pickletools\n"
        "archive = zipfile.ZipFile(sys.argv[1])\n"
        "assert archive.testzip() is None\n"
        "pickletools.dis(archive.read('consolidated/data.pkl'), out=open('/dev/null', 'w'))\n"
        "assert archive.read('consolidated/version') == b'3\\n'\" ";
    if (std::system("python3 -c '' 2>/dev/null") != 0) GTEST_SKIP() << "python3 is missing";
    EXPECT_EQ(std::system((command + path().string()).c_str()), 0);
}

}  // namespace
}  // namespace puna
