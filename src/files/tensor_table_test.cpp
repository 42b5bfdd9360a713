#include "files/tensor_table.h"

#include "core/test_error.h"

#include <cstring>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::StartsWith;

class MisalignedTensors : public testing::Test {
 protected:
    MisalignedTensors() : file_(4097) { std::iota(file_.begin(), file_.end(), uint8_t{0}); }

    // An f32 tensor whose data begins `at` bytes after an address of no alignment.
    TensorEntry entry(std::string_view name, size_t at, int64_t count) const {
        std::span<const std::byte> bytes = std::as_bytes(std::span(file_)).subspan(1 + at);
        return {.name = name,
                .dtype_name = "F32",
                .bytes = bytes.first(static_cast<size_t>(count) * 4),
                .shape = {count},
                .rank = 1,
                .dtype = Dtype::f32};
    }

    std::vector<uint8_t> file_;
};

TEST_F(MisalignedTensors, AreCopiedWhenAskedFor) {
    TensorTable table("old.pth", {entry("a", 0, 512), entry("b", 2048, 512)});
    Tensor b = table.tensor("b");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data) % sizeof(float), 0u);
    EXPECT_EQ(std::memcmp(b.data, file_.data() + 2049, 2048), 0);
    EXPECT_EQ(table.tensor("b").data, b.data);
    EXPECT_EQ(std::memcmp(table.tensor("a").data, file_.data() + 1, 2048), 0);
}

TEST_F(MisalignedTensors, OfOneStorageAreCopiedOnce) {
    TensorTable table("tied.pth", {entry("embedding", 0, 1024), entry("output", 0, 1024)});
    EXPECT_EQ(table.tensor("embedding").data, table.tensor("output").data);
}

// A small file must not take the memory of a large one.
TEST_F(MisalignedTensors, ThatOverlapAreRefused) {
    std::vector<TensorEntry> entries{entry("a", 0, 1000), entry("b", 4, 1000), entry("c", 8, 1000)};
    TensorTable table("views.pth", entries);
    table.tensor("a");
    EXPECT_THAT(error_of([&] { table.tensor("b"); }),
                StartsWith("views.pth: tensor 'b' shares data with others and is not aligned"));
}

}  // namespace
}  // namespace puna
