#include "model/stored_weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace puna {
namespace {

// Two heads of size 4: rows 2j and 2j + 1 of a head become rows j and j + 2.
TEST(StoredWeight, NeighborsBecomeHalvesWithinEachHead) {
    std::vector<int64_t> stored;
    for (int64_t row = 0; row < 8; ++row) stored.push_back(neighbor_row(row, 4));
    EXPECT_EQ(stored, (std::vector<int64_t>{0, 2, 1, 3, 4, 6, 5, 7}));
}

// A matrix [8, 6] whose element (r, c) is 10 r + c.
std::vector<float> whole_matrix() {
    std::vector<float> values;
    for (int r = 0; r < 8; ++r)
        for (int c = 0; c < 6; ++c) values.push_back(static_cast<float>(10 * r + c));
    return values;
}

struct Parts {
    StoredWeight stored;
    std::vector<std::vector<float>> memory;
};

// The matrix in two parts of a set of files.
Parts split(Split joined) {
    Parts parts{.stored = {.joined = joined}};
    std::vector<float> whole = whole_matrix();
    for (size_t part = 0; part < 2; ++part) {
        std::vector<float> values;
        for (size_t r = 0; r < 8; ++r)
            for (size_t c = 0; c < 6; ++c)
                if ((joined == Split::rows ? r / 4 : c / 3) == part) values.push_back(whole[r * 6 + c]);
        parts.memory.push_back(std::move(values));
    }
    for (std::vector<float>& values : parts.memory) {
        bool rows = joined == Split::rows;
        parts.stored.parts.push_back(Tensor(values.data(), Dtype::f32, {rows ? 4 : 8, rows ? 6 : 3}));
    }
    return parts;
}

// rows x columns values from (row, column) on.
std::vector<float> copy_of(const StoredWeight& stored, int64_t row, int64_t column, int64_t rows, int64_t columns) {
    std::vector<float> values(static_cast<size_t>(rows * columns), -1);
    for_each_piece(stored, row, column, Tensor(values.data(), Dtype::f32, {rows, columns}), [](Tensor to, Tensor from) {
        ASSERT_EQ(to.shape(), from.shape());
        std::copy_n(from.as<float>(), from.count(), to.as<float>());
    });
    return values;
}

TEST(StoredWeight, PartsAreJoinedByRowsOrColumns) {
    std::vector<float> whole = whole_matrix();
    for (Split joined : {Split::rows, Split::columns}) {
        Parts parts = split(joined);
        EXPECT_EQ(copy_of(parts.stored, 0, 0, 8, 6), whole);
        EXPECT_FALSE(parts.stored.is_view());
        // The shares of two processes, by rows and by columns.
        EXPECT_EQ(copy_of(parts.stored, 4, 0, 4, 6), std::vector<float>(whole.begin() + 24, whole.end()));
        std::vector<float> right = copy_of(parts.stored, 0, 2, 8, 3);
        EXPECT_EQ(right[0], 2);
        EXPECT_EQ(right[2], 4);
        EXPECT_EQ(right[23], 74);
    }
}

TEST(StoredWeight, VectorsArePermutedAndSplitToo) {
    std::vector<float> values{0, 1, 2, 3, 4, 5, 6, 7}, copy(4);
    StoredWeight bias{.parts = {Tensor(values.data(), Dtype::f32, {8})}, .neighbor_head = 4};
    for_each_piece(bias, 4, 0, Tensor(copy.data(), Dtype::f32, {4}),
                   [](Tensor to, Tensor from) { std::copy_n(from.as<float>(), from.count(), to.as<float>()); });
    EXPECT_EQ(copy, (std::vector<float>{4, 6, 5, 7})) << "the second head";
}

TEST(StoredWeight, RowsArePermutedAcrossParts) {
    Parts parts = split(Split::rows);
    parts.stored.neighbor_head = 4;
    std::vector<float> values = copy_of(parts.stored, 2, 0, 6, 6), first;
    for (size_t r = 0; r < 6; ++r) first.push_back(values[r * 6]);
    EXPECT_EQ(first, (std::vector<float>{10, 30, 40, 60, 50, 70}));
}

}  // namespace
}  // namespace puna
