#include "files/gguf.h"

#include "core/test_damage.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Writes the parts of a file one after the other.
class GgufBytes {
 public:
    explicit GgufBytes(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
        bytes_ = "GGUF";
        add(version).add(tensors).add(keys);
    }
    template <class T>
    GgufBytes& add(T number) {
        bytes_.append(reinterpret_cast<const char*>(&number), sizeof(number));
        return *this;
    }
    GgufBytes& text(std::string_view text) {
        add<uint64_t>(text.size());
        bytes_ += text;
        return *this;
    }
    GgufBytes& key(std::string_view name, GgufType type) { return text(name).add(static_cast<uint32_t>(type)); }
    GgufBytes& array(std::string_view name, GgufType type, uint64_t count) {
        return key(name, GgufType::array).add(static_cast<uint32_t>(type)).add(count);
    }
    GgufBytes& tensor(std::string_view name, std::vector<uint64_t> sizes, uint32_t type, uint64_t offset) {
        text(name).add(static_cast<uint32_t>(sizes.size()));
        for (uint64_t size : sizes) add(size);
        return add(type).add(offset);
    }
    // Padding to the alignment, then n bytes 0, 1, 2, ...
    GgufBytes& data(size_t n, size_t alignment = 32) {
        bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
        for (size_t i = 0; i < n; ++i) bytes_ += static_cast<char>(i);
        return *this;
    }
    const std::string& bytes() const { return bytes_; }

 private:
    std::string bytes_;
};

enum : uint32_t { F32 = 0, Q4_0 = 2, Q8_0 = 8, Q6_K = 14, IQ1_S = 19 };

GgufHeader parse(const std::string& bytes) { return parse_gguf(std::as_bytes(std::span(bytes)), "x.gguf"); }

std::string parse_error(const std::string& bytes) {
    return error_of([&] { parse(bytes); });
}
std::string parse_error(const GgufBytes& file) { return parse_error(file.bytes()); }

class Gguf : public testing::Test {
 protected:
    std::filesystem::path write(const GgufBytes& file) const {
        std::filesystem::path path = folder_ / "x.gguf";
        std::ofstream(path, std::ios::binary) << file.bytes();
        return path;
    }
    TestFolder folder_;
};

TEST_F(Gguf, ValuesOfEveryTypeAreFoundByKey) {
    GgufBytes bytes(0, 13);
    bytes.key("u8", GgufType::u8).add<uint8_t>(255);
    bytes.key("i8", GgufType::i8).add<int8_t>(-1);
    bytes.key("u16", GgufType::u16).add<uint16_t>(65535);
    bytes.key("i16", GgufType::i16).add<int16_t>(-2);
    bytes.key("u32", GgufType::u32).add<uint32_t>(4294967295);
    bytes.key("i32", GgufType::i32).add<int32_t>(-3);
    bytes.key("u64", GgufType::u64).add<uint64_t>(1) /* no larger one fits */;
    bytes.key("huge", GgufType::u64).add<uint64_t>(UINT64_MAX);
    bytes.key("i64", GgufType::i64).add<int64_t>(INT64_MIN);
    bytes.key("f32", GgufType::f32).add<float>(0.5f);
    bytes.key("f64", GgufType::f64).add<double>(-0.1);
    bytes.key("bool", GgufType::boolean).add<uint8_t>(1);
    bytes.key("text", GgufType::text).text("caf\u00e9");
    GgufFile file(write(bytes));
    EXPECT_EQ(file.version(), 3u);
    EXPECT_EQ(file.values().size(), 13u);
    EXPECT_EQ(file.integer("u8"), 255);
    EXPECT_EQ(file.integer("i8"), -1);
    EXPECT_EQ(file.integer("u16"), 65535);
    EXPECT_EQ(file.integer("i16"), -2);
    EXPECT_EQ(file.integer("u32"), 4294967295);
    EXPECT_EQ(file.integer("i32"), -3);
    EXPECT_EQ(file.integer("u64"), 1);
    EXPECT_EQ(file.integer("i64"), INT64_MIN);
    EXPECT_EQ(file.number("f32"), 0.5);
    EXPECT_EQ(file.number("f64"), -0.1);
    EXPECT_EQ(file.number("i8"), -1.0);
    EXPECT_EQ(file.boolean("bool"), true);
    EXPECT_EQ(file.text("text"), "caf\u00e9");
    EXPECT_EQ(file.integer("none"), std::nullopt);
    EXPECT_EQ(file.texts("none"), std::nullopt);
    auto message = [](auto f) { return error_of(f); };
    EXPECT_THAT(message([&] { file.integer("huge"); }),
                HasSubstr("x.gguf: key 'huge' has the type u64, expected an integer below 2^63"));
    EXPECT_THAT(message([&] { file.integer("f32"); }), HasSubstr("key 'f32' has the type f32, expected an integer"));
    EXPECT_THAT(message([&] { file.number("text"); }), HasSubstr("key 'text' has the type string, expected a number"));
    EXPECT_THAT(message([&] { file.boolean("u8"); }), HasSubstr("key 'u8' has the type u8, expected a bool"));
    EXPECT_THAT(message([&] { file.text("bool"); }), HasSubstr("key 'bool' has the type bool, expected a string"));
    EXPECT_THAT(message([&] { file.texts("text"); }), HasSubstr("expected an array of strings"));
}

TEST_F(Gguf, ArraysAreListsOfTheirElements) {
    GgufBytes bytes(0, 4, 2);
    bytes.array("tokens", GgufType::text, 3).text("a").text("").text("bc");
    bytes.array("types", GgufType::i32, 2).add<int32_t>(3).add<int32_t>(-1);
    bytes.array("scores", GgufType::f32, 1).add<float>(0.25f);
    bytes.array("empty", GgufType::boolean, 0);
    GgufFile file(write(bytes));
    EXPECT_EQ(file.version(), 2u);
    EXPECT_THAT(*file.texts("tokens"), ElementsAre("a", "", "bc"));
    EXPECT_THAT(*file.integers("types"), ElementsAre(3, -1));
    EXPECT_THAT(*file.numbers("scores"), ElementsAre(0.25));
    EXPECT_EQ(file.integers("empty")->size(), 0u);
    EXPECT_EQ(file.find_value("empty")->type_name(), "array of bool");
    EXPECT_THAT(error_of([&] { file.integers("tokens"); }),
                HasSubstr("key 'tokens' has the type array of string, expected an array of integers"));
    EXPECT_THAT(error_of([&] { file.integer("types"); }), HasSubstr("array of i32, expected an integer"));
}

TEST_F(Gguf, TensorsAreViewsWithRowsFirst) {
    GgufBytes bytes(4, 1);
    bytes.key("general.alignment", GgufType::u32).add<uint32_t>(64);
    bytes.tensor("w", {64, 3}, Q8_0, 0);         // 204 bytes
    bytes.tensor("norm", {2}, F32, 256);         // 8
    bytes.tensor("k", {256, 1, 2}, IQ1_S, 320);  // 100
    bytes.tensor("last", {1}, F32, 448).data(452, 64);
    GgufFile file(write(bytes));
    ASSERT_EQ(file.entries().size(), 4u);
    Tensor w = file.tensor("w");
    EXPECT_EQ(w.shape(), "q8_0 [3, 64]");
    EXPECT_EQ(static_cast<const uint8_t*>(w.data)[203], 203);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(w.data) % 64, 0u);
    EXPECT_EQ(file.tensor("norm").shape(), "f32 [2]");
    EXPECT_EQ(static_cast<const uint8_t*>(file.tensor("last").data)[3], 451 % 256);
    const TensorEntry* k = file.find("k");
    ASSERT_NE(k, nullptr);
    EXPECT_EQ(k->dtype_name, "IQ1_S");
    EXPECT_EQ(k->dtype, std::nullopt);
    EXPECT_EQ(k->bytes.size(), 100u);
    EXPECT_EQ((std::array<int64_t, 3>{k->shape[0], k->shape[1], k->shape[2]}), (std::array<int64_t, 3>{2, 1, 256}));
    EXPECT_THAT(error_of([&] { file.tensor("k"); }), HasSubstr("x.gguf: tensor 'k' has the unsupported dtype IQ1_S"));
    EXPECT_EQ(file.find("v"), nullptr);
}

TEST_F(Gguf, DataMayFollowOrLackPaddingAtTheEnd) {
    GgufBytes bytes(1, 0);
    bytes.tensor("w", {32}, Q4_0, 0).data(18);
    EXPECT_EQ(parse(bytes.bytes()).tensors.entries()[0].bytes.size(), 18u);
    bytes.data(0);
    EXPECT_EQ(parse(bytes.bytes()).tensors.entries()[0].bytes.size(), 18u);
    EXPECT_TRUE(parse(GgufBytes(0, 0).bytes()).tensors.entries().empty());
    bytes.data(1);
    EXPECT_THAT(parse_error(bytes.bytes()), HasSubstr("bytes follow the last of the announced 1 tensors"));
}

TEST_F(Gguf, InvalidBeginningsAreRejected) {
    EXPECT_THAT(parse_error(""), HasSubstr("x.gguf: is not a GGUF file"));
    EXPECT_THAT(parse_error("PK\x03\x04"), HasSubstr("x.gguf: is a zip archive"));
    EXPECT_THAT(parse_error("GGUF"), HasSubstr("header: the file ends at byte 4, too early"));
    EXPECT_THAT(parse_error(GgufBytes(0, 0, 1)), HasSubstr("has GGUF version 1, but only 2 and 3 are supported"));
    EXPECT_THAT(parse_error(GgufBytes(0, 0, 99)), HasSubstr("version 99"));
    EXPECT_THAT(parse_error(GgufBytes(0, 0, 0x03000000)), HasSubstr("big-endian"));
    EXPECT_THAT(parse_error(GgufBytes(uint64_t{1} << 60, 0)), HasSubstr("announces 1152921504606846976 tensors"));
    EXPECT_THAT(parse_error(GgufBytes(0, 1)), HasSubstr("announces 1 metadata keys"));
}

TEST_F(Gguf, InvalidKeysAndValuesAreRejectedByName) {
    auto key = [](std::string_view name, GgufType type) { return GgufBytes(0, 1).key(name, type); };
    GgufBytes long_key(0, 1);
    long_key.add<uint64_t>(1000).add<uint64_t>(0);
    EXPECT_THAT(parse_error(long_key), HasSubstr("x.gguf: metadata key 1: a string of 1000 bytes in a file of 40"));
    EXPECT_THAT(parse_error(key("", GgufType::u32).add<uint32_t>(1)), HasSubstr("metadata key 1: a name of 0 bytes"));
    EXPECT_THAT(parse_error(key(std::string(65536, 'x'), GgufType::u8).add<uint8_t>(1)), HasSubstr("a name of 65536"));
    EXPECT_THAT(parse_error(key("a", static_cast<GgufType>(13)).add<uint64_t>(1)),
                HasSubstr("key 'a': the unknown value type 13"));
    EXPECT_THAT(parse_error(key("a\n", GgufType::u64).add<uint32_t>(1)), HasSubstr("key 'a\\x0a': the file ends"));
    EXPECT_THAT(parse_error(key("a", GgufType::boolean).add<uint8_t>(2)), HasSubstr("key 'a': a bool that is neither"));
    EXPECT_THAT(parse_error(key("general.name", GgufType::text).add<uint64_t>(uint64_t{1} << 63)),
                HasSubstr("key 'general.name': a string of 9223372036854775808 bytes"));
    EXPECT_THAT(parse_error(GgufBytes(0, 1).array("a", GgufType::array, 1).add<uint64_t>(0)),
                HasSubstr("key 'a': an array of arrays"));
    EXPECT_THAT(parse_error(GgufBytes(0, 1).array("tokens", GgufType::text, uint64_t{1} << 40)),
                HasSubstr("key 'tokens': an array of 1099511627776 elements"));
    EXPECT_THAT(parse_error(GgufBytes(0, 1).array("a", GgufType::u64, 3).add<uint64_t>(1)),
                HasSubstr("key 'a': the file"));
    GgufBytes twice(0, 2);
    twice.key("a", GgufType::u8).add<uint8_t>(1).key("a", GgufType::u8).add<uint8_t>(1);
    EXPECT_THAT(parse_error(twice), HasSubstr("duplicate key 'a'"));
    for (uint32_t alignment : {0u, 4u, 24u, 1u << 31})
        EXPECT_THAT(parse_error(key("general.alignment", GgufType::u32).add(alignment)),
                    HasSubstr("general.alignment must be a power of two"))
            << alignment;
    EXPECT_THAT(parse_error(key("general.alignment", GgufType::u64).add<uint64_t>(32)), HasSubstr("as u32"));
}

TEST_F(Gguf, InvalidTensorsAreRejectedByName) {
    auto tensor = [](std::string_view name, std::vector<uint64_t> sizes, uint32_t type, uint64_t offset = 0) {
        GgufBytes file(1, 0);
        return parse_error(file.tensor(name, std::move(sizes), type, offset).data(256));
    };
    uint64_t large = uint64_t{1} << 32;
    EXPECT_EQ(tensor("w", {64}, F32), "no error");
    EXPECT_THAT(tensor("", {64}, F32), HasSubstr("tensor 1: a name of 0 bytes"));
    EXPECT_THAT(tensor(std::string(65, 'x'), {64}, F32), HasSubstr("a name of 65 bytes"));
    EXPECT_THAT(tensor("w", {1, 1, 1, 1, 1}, F32), HasSubstr("tensor 'w': 5 dimensions, at most 4"));
    EXPECT_THAT(tensor("w", {64, 0}, F32), HasSubstr("tensor 'w': a dimension of 0"));
    EXPECT_THAT(tensor("w", {64, UINT64_MAX}, F32), HasSubstr("tensor 'w': a dimension of 18446744073709551615"));
    EXPECT_THAT(tensor("w", {large, large}, F32), HasSubstr("tensor 'w': too many elements"));
    EXPECT_THAT(tensor("w", {large, large / 4}, F32), HasSubstr("tensor 'w': too many elements"));
    EXPECT_THAT(tensor("w", {64}, 4), HasSubstr("tensor 'w' has the unknown type 4: quantize"));
    EXPECT_THAT(tensor("w", {64}, 999), HasSubstr("tensor 'w' has the unknown type 999"));
    EXPECT_THAT(tensor("w", {128, 2}, Q6_K), HasSubstr("rows of 128 elements, not whole blocks of Q6_K (256)"));
    EXPECT_THAT(tensor("w", {}, Q8_0), HasSubstr("rows of 1 elements"));
    EXPECT_THAT(tensor("w", {8}, F32, 8), HasSubstr("not a multiple of general.alignment"));
    EXPECT_THAT(tensor("w", {8}, F32, 32),
                HasSubstr("tensor 'w' begins at byte 32 of the data, expected 0: there is a gap"));
    EXPECT_THAT(tensor("w", {65}, F32), HasSubstr("tensor 'w': its 260 bytes begin at byte 64 of 320"));
    GgufBytes overlap(2, 0);
    overlap.tensor("v", {16}, F32, 0).tensor("w", {8}, F32, 32).data(128);
    EXPECT_THAT(parse_error(overlap),
                HasSubstr("tensor 'w' begins at byte 32 of the data, expected 64: tensors overlap"));
    GgufBytes twice(2, 0);
    twice.tensor("w", {8}, F32, 0).tensor("w", {8}, F32, 32).data(64);
    EXPECT_THAT(parse_error(twice), HasSubstr("duplicate tensor 'w'"));
}

TEST_F(Gguf, TruncatedAndCorruptedFilesNeverCrash) {
    GgufBytes bytes(2, 3);
    bytes.key("general.name", GgufType::text).text("llama");
    bytes.array("tokens", GgufType::text, 2).text("a").text("b");
    bytes.key("ok", GgufType::boolean).add<uint8_t>(1);
    bytes.tensor("v", {32, 2}, Q4_0, 0).tensor("w", {2}, F32, 64).data(72);
    std::string whole = bytes.bytes();
    for (size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(error_kind_of([&] { parse(whole.substr(0, size)); }), ErrorKind::damaged) << size;
    EXPECT_EQ(unnoticed_damage(whole, [this](const std::string& text) { return parse_error(text); }), "");
}

TEST(GoldenGguf, FilesOfEveryTypeAreReadable) {
    const std::filesystem::path folder = "../shared/golden/small3/gguf";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "../shared/golden is missing";
    for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(folder)) {
        GgufFile file(entry.path());
        EXPECT_EQ(file.text("general.architecture"), "llama");
        EXPECT_EQ(file.integer("llama.embedding_length"), 256);
        EXPECT_EQ(file.texts("tokenizer.ggml.tokens")->size(),
                  static_cast<size_t>(file.find("token_embd.weight")->shape[0]))
            << entry.path();
        EXPECT_EQ(file.tensor("output_norm.weight").shape(), "f32 [256]");
    }
}

}  // namespace
}  // namespace puna
