#include "files/gguf_writer.h"

#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GgufWriting : public testing::Test {
 protected:
    std::filesystem::path path() const { return folder_ / "x.gguf"; }
    TestFolder folder_;
};

TEST_F(GgufWriting, ValuesAreReadBackInTheirOrderAndTypes) {
    GgufMetadata metadata;
    metadata.add("text", "caf\u00e9");
    metadata.add("u16", uint16_t{7});
    metadata.add("u32", uint32_t{4294967295});
    metadata.add("i32", int32_t{-3});
    metadata.add("u64", uint64_t{1} << 40);
    metadata.add("i64", int64_t{-1} << 40);
    metadata.add("f32", 0.1f);
    metadata.add("f64", 0.1);
    metadata.add("bool", true);
    metadata.add_list("texts", std::vector<std::string>{"a", "", "bc"});
    metadata.add_list("numbers", std::vector<float>{0.5f, -1});
    metadata.add_list("ids", std::vector<int32_t>{});
    GgufWriter(path(), metadata, {}).commit();
    GgufFile file(path());
    std::vector<std::string> keys;
    for (const GgufValue& value : file.values()) keys.push_back(std::string(value.key) + " " + value.type_name());
    EXPECT_THAT(keys,
                ElementsAre("text string", "u16 u16", "u32 u32", "i32 i32", "u64 u64", "i64 i64", "f32 f32", "f64 f64",
                            "bool bool", "texts array of string", "numbers array of f32", "ids array of i32"));
    EXPECT_EQ(file.text("text"), "caf\u00e9");
    EXPECT_EQ(file.integer("u32"), 4294967295);
    EXPECT_EQ(file.integer("i32"), -3);
    EXPECT_EQ(file.integer("u64"), int64_t{1} << 40);
    EXPECT_EQ(file.integer("i64"), int64_t{-1} << 40);
    EXPECT_EQ(file.number("f32"), 0.1f);
    EXPECT_EQ(file.number("f64"), 0.1);
    EXPECT_EQ(file.boolean("bool"), true);
    EXPECT_THAT(*file.texts("texts"), ElementsAre("a", "", "bc"));
    EXPECT_THAT(*file.numbers("numbers"), ElementsAre(0.5, -1));
    GgufMetadata copy;
    for (const GgufValue& value : file.values()) copy.add(value);
    EXPECT_EQ(copy.bytes(), metadata.bytes());
}

TEST_F(GgufWriting, TensorsAreReadBackAndMayBeWrittenInParts) {
    std::vector<float> values(6);
    std::iota(values.begin(), values.end(), 1.0f);
    std::vector<std::byte> blocks(2 * 34 * 3, std::byte{5});
    Tensor matrix(values.data(), Dtype::f32, {2, 3}), quantized(blocks.data(), Dtype::q8_0, {3, 64});
    GgufWriter writer(path(), {}, {spec_of({"norm", matrix}), spec_of({"blk.0.attn_q.weight", quantized})});
    writer.write(matrix.slice(0, 1));
    writer.write(matrix.slice(1, 1));
    EXPECT_THROW(writer.commit(), Bug);
    EXPECT_THROW(writer.write(matrix), Bug) << "the next one is of another type";
    writer.write(quantized);
    writer.commit();
    GgufFile file(path());
    EXPECT_EQ(file.tensor("norm").shape(), "f32 [2, 3]");
    EXPECT_THAT(file.tensor("norm").span<float>(), testing::ElementsAreArray(values));
    Tensor read = file.tensor("blk.0.attn_q.weight");
    EXPECT_EQ(read.shape(), "q8_0 [3, 64]");
    EXPECT_EQ(std::memcmp(read.data, blocks.data(), blocks.size()), 0);
}

TEST_F(GgufWriting, WhatTheFormatCannotSayIsABug) {
    GgufMetadata metadata;
    metadata.add("a", "x");
    EXPECT_THROW(metadata.add("a", 1.0f), Bug);
    EXPECT_THROW(metadata.add("", 1.0f), Bug);
    EXPECT_THROW(GgufWriter(path(), {}, {{std::string(64, 'x'), Dtype::f32, {1}}}), Bug);
    EXPECT_THROW(GgufWriter(path(), {}, {{"bytes", Dtype::u8, {1}}}), Bug);
    EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace puna
