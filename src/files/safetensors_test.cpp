#include "files/safetensors.h"

#include "core/test_damage.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A file with this header and `data` bytes of data: 0, 1, 2, ...
std::string file_bytes(std::string_view header, size_t data) {
    std::string bytes;
    for (size_t i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> 8 * i & 0xff);
    bytes += header;
    for (size_t i = 0; i < data; ++i) bytes += static_cast<char>(i);
    return bytes;
}

SafetensorsTable parse(const std::string& bytes) {
    return parse_safetensors(std::as_bytes(std::span(bytes)), "x.safetensors");
}

std::string parse_error(const std::string& bytes) {
    return error_of([&] { parse(bytes); });
}

void expect_error(std::string_view header, size_t data, std::string_view reason) {
    std::string message = parse_error(file_bytes(header, data));
    EXPECT_THAT(message, HasSubstr(reason)) << header << "\n  says: " << message;
    EXPECT_THAT(message, StartsWith("x.safetensors: "));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
}

class Safetensors : public testing::Test {
 protected:
    std::filesystem::path write(const std::string& bytes) const {
        std::filesystem::path path = folder_ / "x.safetensors";
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }

    TestFolder folder_;
};

constexpr const char* two_tensors =
    R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},"a":{"data_offsets":[0,4],"shape":[2,1],"dtype":"BF16"}})";

TEST_F(Safetensors, EntriesAreInDataOrderAndFoundByName) {
    std::string bytes = file_bytes(two_tensors, 12);
    SafetensorsTable parsed = parse(bytes);
    const TensorTable& table = parsed.tensors;
    ASSERT_EQ(table.entries().size(), 2u);
    EXPECT_EQ(table.entries()[0].name, "a");
    EXPECT_EQ(table.entries()[1].name, "b");
    const TensorEntry* a = table.find("a");
    ASSERT_NE(a, nullptr);
    EXPECT_EQ(a->dtype, Dtype::bf16);
    EXPECT_EQ(a->rank, 2);
    EXPECT_EQ(a->shape[0], 2);
    EXPECT_EQ(a->bytes.size(), 4u);
    EXPECT_EQ(static_cast<int>(table.find("b")->bytes[0]), 4);
    EXPECT_EQ(table.find("c"), nullptr);
    EXPECT_EQ(table.find(""), nullptr);
}

TEST_F(Safetensors, FilesWithoutTensorsAreValid) {
    EXPECT_TRUE(parse(file_bytes("{}", 0)).tensors.entries().empty());
    EXPECT_TRUE(parse(file_bytes(R"({"__metadata__":{"format":"pt"}}   )", 0)).tensors.entries().empty());
}

TEST_F(Safetensors, ScalarsAndEmptyTensorsAreValid) {
    SafetensorsFile file(write(file_bytes(R"({"e":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},)"
                                          R"("s":{"dtype":"I32","shape":[],"data_offsets":[0,4]},)"
                                          R"("t":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}})",
                                          4)));
    EXPECT_EQ(file.tensor("e").count(), 0);
    EXPECT_EQ(file.tensor("e").size[1], 3);
    EXPECT_EQ(file.tensor("s").rank, 0);
    EXPECT_EQ(file.tensor("s").as<int32_t>()[0], 0x03020100);
    EXPECT_EQ(file.tensor("t").count(), 0);
}

TEST_F(Safetensors, NamesAreUnescaped) {
    std::string bytes = file_bytes(R"({"a\n\"\u00e9":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                   R"("\ud83d\ude00":{"dtype":"\u0055\u0038","shape":[1],"data_offsets":[1,2]}})",
                                   2);
    SafetensorsTable table = parse(bytes), moved = std::move(table);
    EXPECT_EQ(moved.tensors.entries()[0].name, "a\n\"\u00e9");
    ASSERT_NE(moved.tensors.find("\U0001F600"), nullptr);
    EXPECT_EQ(moved.tensors.find("\U0001F600")->dtype, Dtype::u8);
    std::string message =
        parse_error(file_bytes(R"({"a\n\u001b[2J":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2));
    EXPECT_THAT(message, HasSubstr("'a\\x0a\\x1b[2J'"));
}

TEST_F(Safetensors, UnknownDtypesAreListedAndRejectedOnAccess) {
    SafetensorsFile file(write(file_bytes(R"({"q":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]}})", 3)));
    ASSERT_EQ(file.entries().size(), 1u);
    EXPECT_EQ(file.entries()[0].dtype_name, "F8_E4M3");
    EXPECT_FALSE(file.entries()[0].dtype.has_value());
    std::string message = error_of([&] { file.tensor("q"); });
    EXPECT_THAT(message, HasSubstr("tensor 'q' has the unsupported dtype F8_E4M3"));
}

TEST_F(Safetensors, BlockTypesAreUnsupportedDtypes) {
    for (std::string name : {"Q4_0", "q4_0", ""}) {
        SafetensorsFile file(
            write(file_bytes(R"({"q":{"dtype":")" + name + R"(","shape":[32],"data_offsets":[0,18]}})", 18)));
        std::string message = error_of([&] { file.tensor("q"); });
        EXPECT_THAT(message, HasSubstr("tensor 'q' has the unsupported dtype " + name + ": convert it to F32"));
    }
}

TEST_F(Safetensors, MoreThanFourDimensionsAreListedAndRejectedOnAccess) {
    SafetensorsFile file(write(file_bytes(R"({"q":{"dtype":"U8","shape":[1,1,1,1,3],"data_offsets":[0,3]}})", 3)));
    EXPECT_EQ(file.entries()[0].rank, 5);
    EXPECT_THROW(file.tensor("q"), Error);
    EXPECT_THROW(file.tensor("missing"), Error);
}

TEST_F(Safetensors, MisalignedTensorsAreReadFromACopy) {
    std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    for (size_t spaces = 0; spaces < 8; ++spaces) {
        SafetensorsFile file(write(file_bytes(header + std::string(spaces, ' '), 8)));
        Tensor w = file.tensor("w");
        EXPECT_EQ(reinterpret_cast<uintptr_t>(w.data) % 4, 0u);
        EXPECT_EQ(std::memcmp(w.data, "\0\1\2\3\4\5\6\7", 8), 0) << spaces;
        EXPECT_EQ(file.tensor("w").data, w.data) << "one copy serves every call";
    }
}

TEST_F(Safetensors, MetadataIsFoundByKey) {
    SafetensorsFile file(write(file_bytes(R"({"__metadata__":{"format":"pt","a\"b":""},)"
                                          R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                                          1)));
    EXPECT_EQ(file.metadata("format"), "pt");
    EXPECT_EQ(file.metadata("a\"b"), "");
    EXPECT_EQ(file.metadata("dtype"), std::nullopt);
}

TEST_F(Safetensors, InvalidHeaderLengthsAndTruncatedFilesAreRejected) {
    EXPECT_THAT(parse_error(""), HasSubstr("0 bytes is too short"));
    EXPECT_THAT(parse_error("1234567"), HasSubstr("7 bytes is too short"));
    std::string bytes = file_bytes(two_tensors, 12);
    EXPECT_THAT(parse_error(bytes.substr(0, 60)), HasSubstr("is truncated"));
    EXPECT_THAT(parse_error(bytes.substr(0, bytes.size() - 1)), HasSubstr("is truncated"));
    EXPECT_THAT(parse_error(std::string(8, '\xff') + "{}"), HasSubstr("not a safetensors file"));
    EXPECT_THAT(parse_error(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + "{}"), HasSubstr("header of 100000001 bytes"));
    EXPECT_THAT(parse_error(std::string(8, '\0')), HasSubstr("does not begin with"));
}

TEST_F(Safetensors, InvalidHeadersAreRejectedByName) {
    auto with = [](std::string_view entry) { return R"({"w":)" + std::string(entry) + "}"; };
    expect_error("[]", 0, "the header does not begin with {");
    expect_error("7", 0, "the header does not begin with {");
    expect_error(" {}", 0, "the header does not begin with {");
    expect_error("{} x", 0, "not valid JSON");
    expect_error(R"({"w":7})", 0, "unexpected value in the header");
    expect_error(R"({"__metadata__":{"a":1}})", 0, "metadata value that is not a string");
    expect_error(R"({"__metadata__":{"a":{}}})", 0, "metadata value that is not a string");
    expect_error(R"({"__metadata__":[]})", 0, "unexpected value in the header");
    expect_error(with(R"({"dtype":"U8","shape":[1]})"), 1, "tensor 'w': missing field 'data_offsets'");
    expect_error(with(R"({"dtype":"U8","data_offsets":[0,1]})"), 1, "missing field 'shape'");
    expect_error(with(R"({"shape":[1],"data_offsets":[0,1]})"), 1, "missing field 'dtype'");
    expect_error(with(R"({"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]})"), 1, "duplicate field 'dtype'");
    expect_error(with(R"({"dtype":"U8","shape":[1],"offsets":[0,1]})"), 1, "unknown field 'offsets'");
    expect_error(with(R"({"dtype":8,"shape":[1],"data_offsets":[0,1]})"), 1, "unexpected value in the header");
    expect_error(with(R"({"dtype":"U8","shape":1,"data_offsets":[0,1]})"), 1, "unexpected value in the header");
    expect_error(with(R"({"dtype":"U8","shape":[[1]],"data_offsets":[0,1]})"), 1, "unexpected value in the header");
    expect_error(with(R"({"dtype":"U8","shape":[1.0],"data_offsets":[0,1]})"), 1, "unexpected value in the header");
    expect_error(with(R"({"dtype":"U8","shape":[-1],"data_offsets":[0,1]})"), 1, "unexpected value in the header");
    expect_error(with(R"({"dtype":"U8","shape":["1"],"data_offsets":[0,1]})"), 1, "unexpected value in the header");
    expect_error(with(R"({"dtype":"U8","shape":[1],"data_offsets":[0]})"), 1, "not [begin, end]");
    expect_error(with(R"({"dtype":"U8","shape":[1],"data_offsets":[1,0]})"), 1, "not [begin, end]");
    expect_error(with(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,1]})"), 1, "more than two data_offsets");
    expect_error(with(R"({"dtype":"U8","shape":[1],"data_offsets":[0,99999999999999999999]})"), 1,
                 "unexpected value in the header");
    expect_error(with(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), 4, "2 elements of F32 in 4 bytes");
    expect_error(with(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})"), 1, "ends at byte 2 of 1");
    expect_error(with(R"({"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]})"), 0,
                 "too many elements");
    expect_error(with(R"({"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]})"), 0,
                 "elements of F32 in 0");
    expect_error(with(R"({"dtype":"U8","shape":[1],"data_offsets":[1,2]})"), 2, "there is a gap");
    expect_error(with(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})"), 2, "the last 1 bytes belong to no tensor");
    expect_error(
        R"({"v":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
        3, "tensor 'w' begins at byte 1 of the data, expected 2: tensors overlap");
    expect_error(
        R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
        2, "duplicate tensor 'w'");
}

TEST_F(Safetensors, TruncatedAndCorruptedFilesNeverCrash) {
    EXPECT_EQ(
        unnoticed_damage(file_bytes(two_tensors, 12), [this](const std::string& text) { return parse_error(text); }),
        "");
}

TEST_F(Safetensors, WritingRoundTripsAndIsDeterministic) {
    std::vector<float> floats = {1, 2, 3, 4, 5, 6};
    std::vector<int64_t> ints = {-1};
    std::vector<uint8_t> bytes = {7, 8, 9};
    std::vector<NamedTensor> tensors = {{"z \"quoted\"", Tensor(floats.data(), Dtype::f32, {2, 3})},
                                        {"scalar", Tensor(ints.data(), Dtype::i64, {})},
                                        {"empty", Tensor(nullptr, Dtype::f16, {0})},
                                        {"a", Tensor(bytes.data(), Dtype::u8, {3})}};
    std::filesystem::path path = folder_ / "out.safetensors";
    write_safetensors(path, tensors, {{"format", "pt"}});
    std::string first = read_text(path);
    SafetensorsFile file(path);
    EXPECT_EQ(file.metadata("format"), "pt");
    ASSERT_EQ(file.entries().size(), tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
        Tensor read = file.tensor(tensors[i].name), wrote = tensors[i].tensor;
        EXPECT_EQ(read.shape(), wrote.shape());
        size_t n = static_cast<size_t>(wrote.bytes());
        EXPECT_TRUE(n == 0 || std::memcmp(read.data, wrote.data, n) == 0);
    }
    EXPECT_EQ(reinterpret_cast<uintptr_t>(file.tensor(tensors[0].name).data) % 64, 0u) << "the data section is aligned";
    write_safetensors(path, tensors, {{"format", "pt"}});
    EXPECT_EQ(read_text(path), first);
    std::string beginning =
        R"({"__metadata__":{"format":"pt"},"z \"quoted\"":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})";
    EXPECT_EQ(first.substr(8, beginning.size()), beginning);
}

TEST_F(Safetensors, WriterStreamsAndTheFileAppearsAtCommit) {
    std::filesystem::path path = folder_ / "out.safetensors";
    std::vector<TensorSpec> specs = {{"a", Dtype::f32, {2}}, {"b", Dtype::u8, {3, 1}}};
    float floats[] = {1, 2};
    uint8_t bytes[] = {3, 4, 5};
    {
        SafetensorsWriter abandoned(path, specs);
        abandoned.write(Tensor(floats, Dtype::f32, {2}));
        EXPECT_THROW(abandoned.commit(), Bug) << "b was not written";
        EXPECT_THROW(abandoned.write(Tensor(floats, Dtype::f32, {1})), Bug) << "wrong dtype";
        EXPECT_THROW(abandoned.write(Tensor(nullptr, Dtype::u8, {4})), Bug) << "more than was declared";
    }
    EXPECT_TRUE(folder_.names().empty()) << "no file remains";
    SafetensorsWriter writer(path, specs);
    writer.write(Tensor(floats, Dtype::f32, {2}));
    writer.write(Tensor(bytes, Dtype::u8, {3}));
    EXPECT_FALSE(std::filesystem::exists(path));
    writer.commit();
    SafetensorsFile file(path);
    EXPECT_EQ(file.tensor("a").as<float>()[1], 2);
    EXPECT_EQ(file.tensor("b").as<uint8_t>()[2], 5);
    EXPECT_EQ(file.tensor("b").rank, 2);
    std::vector<TensorSpec> duplicate = {specs[0], specs[0]};
    EXPECT_THROW(SafetensorsWriter(folder_ / "duplicate", duplicate), Bug);
    EXPECT_THROW(SafetensorsWriter(folder_ / "blocks", {{"a", Dtype::q8_0, {32}}}), Bug);
}

TEST_F(Safetensors, MissingFilesAndFoldersAreErrors) {
    EXPECT_THROW(SafetensorsFile(folder_ / "nothing.safetensors"), Error);
    EXPECT_THROW(SafetensorsFile{folder_.path()}, Error);
    EXPECT_THROW(write_safetensors(folder_ / "no" / "x.safetensors", {}), Error);
}

TEST(GoldenSafetensors, ReferenceFilesAreReadable) {
    const std::filesystem::path golden = "../shared/golden";
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << "../shared/golden is missing";
    for (const char* model : {"tiny3", "tiny31", "tinytied", "small3"}) {
        SafetensorsFile file(golden / model / "hf/model.safetensors");
        EXPECT_EQ(file.metadata("format"), "pt");
        int64_t bytes = 0;
        for (const TensorEntry& entry : file.entries()) bytes += file.tensor(entry).bytes();
        EXPECT_GT(bytes, 100'000) << model;
        EXPECT_EQ(file.tensor("model.embed_tokens.weight").rank, 2);
        SafetensorsFile answers(golden / model / "golden.safetensors");
        EXPECT_EQ(answers.tensor("logits").dtype, Dtype::f32);
    }
}

}  // namespace
}  // namespace puna
