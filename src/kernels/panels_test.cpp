// Matrices in panels: the same values and bits as in rows.
#include "core/random.h"
#include "kernels/arena.h"
#include "kernels/testing/tables.h"

#include <gtest/gtest.h>

#include <cstring>

namespace puna {
namespace {

// Random matrices, of which every dtype has finite values.
class Matrices {
 public:
    Tensor floats(int64_t rows, int64_t columns) {
        Tensor x = memory_.tensor(Dtype::f32, {rows, columns});
        for (float& value : x.span<float>()) value = random_.normal();
        return x;
    }
    // Bytes below 0x3c, with which 16-bit floats and the scales of blocks are below 1.
    Tensor weight(Dtype dtype, int64_t rows, int64_t columns) {
        if (dtype == Dtype::f32) return floats(rows, columns);
        Tensor w = memory_.tensor(dtype, {rows, columns});
        std::byte* bytes = static_cast<std::byte*>(w.data);
        for (int64_t i = 0; i < w.bytes(); ++i) bytes[i] = static_cast<std::byte>(random_.below(0x3c));
        return w;
    }
    Tensor zeros(int64_t rows, int64_t columns) { return memory_.zeros({}, Dtype::f32, {rows, columns}); }
    Tensor packed(const Kernels& table, Tensor w, int panel_rows) {
        Tensor panels = w.in_panels(nullptr, panel_rows);
        panels.data = memory_.tensor(Dtype::u8, {panels.bytes()}).data;
        table.pack({}, panels, w);
        return panels;
    }
    Tensor ids(std::initializer_list<int32_t> values) {
        Tensor x = memory_.tensor(Dtype::i32, {static_cast<int64_t>(values.size())});
        std::copy(values.begin(), values.end(), x.as<int32_t>());
        return x;
    }

 private:
    Arena memory_{choose_kernels()};
    Random random_{11};
};

std::vector<Dtype> weight_types() {
    std::vector<Dtype> list{Dtype::f32, Dtype::bf16, Dtype::f16};
    for (const DtypeInfo& type : block_types) list.push_back(type.dtype);
    return list;
}

TEST(Panels, UnpackingIsTheInverseOfPacking) {
    for (Dtype dtype : weight_types())
        for (int panel_rows : {2, 3, 16, 64})
            for (int64_t rows : {1, 16, 37, 130}) {
                Matrices m;
                Tensor w = m.weight(dtype, rows, 512), panels = m.packed(choose_kernels(), w, panel_rows);
                Tensor again = w;
                std::vector<std::byte> bytes(static_cast<size_t>(w.bytes()));
                again.data = bytes.data();
                choose_kernels().unpack({}, again, panels);
                EXPECT_EQ(panels.bytes(), (rows + panel_rows - 1) / panel_rows * panel_rows * w.row_bytes());
                EXPECT_TRUE(bytes == contents_of(w)) << panels.shape();
            }
}

// The layout as core/tensor.h describes it.
TEST(Panels, PiecesOfFourBytesAreInterleavedAfterTheHeadOfABlock) {
    Matrices m;
    Tensor w = m.weight(Dtype::bf16, 3, 4), panels = m.packed(choose_kernels(), w, 3);
    const uint32_t *rows = static_cast<uint32_t*>(w.data), *pieces = static_cast<uint32_t*>(panels.data);
    EXPECT_EQ(std::vector(pieces, pieces + 6), (std::vector{rows[0], rows[2], rows[4], rows[1], rows[3], rows[5]}));
    Tensor blocks = m.weight(Dtype::q8_0, 2, 64), packed = m.packed(choose_kernels(), blocks, 2);
    const std::byte *row = static_cast<std::byte*>(blocks.data), *panel = static_cast<std::byte*>(packed.data);
    EXPECT_EQ(std::memcmp(panel, row, 2), 0);               // the scale of row 0
    EXPECT_EQ(std::memcmp(panel + 2, row + 68, 2), 0);      // of row 1
    EXPECT_EQ(std::memcmp(panel + 4, row + 2, 4), 0);       // four elements of row 0
    EXPECT_EQ(std::memcmp(panel + 8, row + 68 + 2, 4), 0);  // of row 1
    EXPECT_EQ(std::memcmp(panel + 68, row + 34, 2), 0);     // the second block
}

TEST(Panels, SlicesAreWholePanels) {
    Matrices m;
    Tensor w = m.weight(Dtype::bf16, 21, 8), panels = m.packed(choose_kernels(), w, 8);
    EXPECT_EQ(panels.slice(8, 8).bytes(), 8 * 16);
    EXPECT_EQ(panels.slice(8, 13).bytes(), 16 * 16);
    EXPECT_THROW(panels.slice(4, 8), Bug);
    EXPECT_THROW(panels.slice(8, 4), Bug);
    EXPECT_THROW(panels.row<bf16>(0), Bug) << "elements of panels have no rows";
}

// Few rows, a tile, several tiles, many rows; sizes that no vector and no panel divides.
TEST(Panels, ProductsHaveTheBitsOfRows) {
    for (const Kernels* table : test_tables())
        for (Dtype dtype : weight_types())
            for (int64_t T : {1, 2, 3, 4, 5, 6, 7, 13, 600}) {
                if (T > 7 && is_slow(*table)) continue;
                Matrices m;
                int64_t out = T == 600 ? 70 : 150, in = is_block_type(dtype) ? 768 : 662;
                Tensor w = m.weight(dtype, out, in), panels = m.packed(*table, w, table->panel_rows);
                Tensor x = m.floats(T, in), dout = m.floats(T, out);
                Tensor y = m.zeros(T, out), y_of_panels = m.zeros(T, out), dx = m.floats(T, in),
                       dx_of_panels = m.zeros(T, in);
                std::memcpy(dx_of_panels.data, dx.data, static_cast<size_t>(dx.bytes()));
                table->matmul({}, y, x, w);
                table->matmul({}, y_of_panels, x, panels);
                EXPECT_TRUE(contents_of(y) == contents_of(y_of_panels))
                    << table->name << " " << T << " " << panels.shape();
                table->matmul_input_gradient({}, dx, dout, w);
                table->matmul_input_gradient({}, dx_of_panels, dout, panels);
                EXPECT_TRUE(contents_of(dx) == contents_of(dx_of_panels))
                    << table->name << " " << T << " " << panels.shape();
            }
}

TEST(Panels, RowsAloneHaveTheBitsOfTheBatch) {
    for (const Kernels* table : test_tables())
        for (Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16})
            for (bool packed : {false, true}) {
                Matrices m;
                Tensor w = m.weight(dtype, 130, 262), x = m.floats(40, 262), all = m.zeros(40, 130);
                if (packed) w = m.packed(*table, w, table->panel_rows);
                table->matmul({}, all, x, w);
                for (int64_t n = 1; n <= 7; ++n) {
                    Tensor some = m.zeros(n, 130);
                    table->matmul({}, some, x.slice(11, n), w);
                    EXPECT_TRUE(contents_of(some) == contents_of(all.slice(11, n)))
                        << table->name << " " << n << " " << w.shape();
                }
            }
}

TEST(Panels, BlockTypesAreMultipliedByTheirDequantizedValues) {
    for (const Kernels* table : test_tables())
        for (const DtypeInfo& type : block_types) {
            Matrices m;
            Tensor w = m.weight(type.dtype, 70, 512), values = m.zeros(70, 512), x = m.floats(9, 512);
            table->dequantize({}, values, w);
            Tensor y = m.zeros(9, 70), expected = m.zeros(9, 70), dx = m.zeros(9, 512), expected_dx = m.zeros(9, 512);
            table->matmul({}, y, x, w);
            table->matmul({}, expected, x, values);
            EXPECT_TRUE(contents_of(y) == contents_of(expected)) << table->name << " " << w.shape();
            table->matmul_input_gradient({}, dx, y, w);
            table->matmul_input_gradient({}, expected_dx, y, values);
            EXPECT_TRUE(contents_of(dx) == contents_of(expected_dx)) << table->name << " " << w.shape();
        }
}

TEST(Panels, EmbeddingsAreThoseOfRows) {
    for (const Kernels* table : test_tables())
        for (Dtype dtype : weight_types()) {
            Matrices m;
            Tensor w = m.weight(dtype, 100, 512), panels = m.packed(*table, w, table->panel_rows);
            Tensor ids = m.ids({0, 99, 17, 64, 17}), x = m.zeros(5, 512), of_panels = m.zeros(5, 512);
            table->embed({}, x, w, ids);
            table->embed({}, of_panels, panels, ids);
            EXPECT_TRUE(contents_of(x) == contents_of(of_panels)) << table->name << " " << panels.shape();
        }
}

}  // namespace
}  // namespace puna
