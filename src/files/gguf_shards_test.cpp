#include "files/gguf_shards.h"

#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

class GgufSplit : public testing::Test {
 protected:
    // File `number` of `count`, with one tensor of its own.
    void write(int64_t number, int64_t count, const std::string& tensor, int64_t tensors = 3) {
        GgufMetadata metadata;
        metadata.add("split.no", static_cast<uint16_t>(number - 1));
        metadata.add("split.count", static_cast<uint16_t>(count));
        metadata.add("split.tensors.count", static_cast<int32_t>(tensors));
        if (number == 1) metadata.add("general.name", "split model");
        float value = static_cast<float>(number);
        GgufWriter writer(path(number), metadata, {{tensor, Dtype::f32, {1}}});
        writer.write(Tensor(&value, Dtype::f32, {1}));
        writer.commit();
    }
    void SetUp() override {
        for (int64_t n : {1, 2, 3}) write(n, 3, fmt::format("t{}", n));
    }
    fs::path path(int64_t number) const { return folder_ / GgufShardName{"m", number, 3}.file_name(number); }
    std::string error() const {
        return error_of([&] { GgufShards shards(path(1)); });
    }
    TestFolder folder_;
};

TEST_F(GgufSplit, AnyFileOpensAll) {
    for (int64_t n : {1, 2, 3}) {
        GgufShards shards(path(n));
        EXPECT_EQ(shards.files().size(), 3u);
        EXPECT_EQ(shards.first().text("general.name"), "split model");
        for (int64_t t : {1, 2, 3}) {
            std::string name = fmt::format("t{}", t);
            GgufFile* file = shards.find_file(name);
            ASSERT_NE(file, nullptr);
            EXPECT_EQ(file->path(), path(t));
            EXPECT_EQ(*file->tensor(name).as<float>(), static_cast<float>(t));
        }
        EXPECT_EQ(shards.find_file("t4"), nullptr);
    }
}

TEST_F(GgufSplit, MissingAndForeignFilesAreNamed) {
    fs::rename(path(2), folder_ / "away");
    EXPECT_THAT(error(), HasSubstr("m-00002-of-00003.gguf: is missing, but m-00001-of-00003.gguf is there"));
    write(2, 4, "t2");
    EXPECT_THAT(
        error(),
        HasSubstr("m-00002-of-00003.gguf: has split.no 1 and split.count 4, but by its name they must be 1 and 3"));
    write(2, 3, "t1");
    EXPECT_THAT(error(), HasSubstr("m-00002-of-00003.gguf: tensor 't1' is in another file of the model too"));
    write(2, 3, "t2");
    write(1, 3, "t1", 7);
    EXPECT_THAT(error(), HasSubstr("m-00001-of-00003.gguf: announces 7 tensors in all files, which have 3"));
    fs::rename(path(1), folder_ / "renamed.gguf");
    EXPECT_THAT(error_of([&] { GgufShards shards(folder_ / "renamed.gguf"); }),
                HasSubstr("must be named NAME-00001-of-00003.gguf"));
}

TEST(GgufShardNames, OnlyTheFormOfSplitModelsIsOne) {
    EXPECT_EQ(parse_shard_name("a-b-00002-of-00010.gguf").number, 2);
    EXPECT_EQ(parse_shard_name("a-b-00002-of-00010.gguf").prefix, "a-b");
    for (const char* name : {"a.gguf", "a-00000-of-00002.gguf", "a-00003-of-00002.gguf", "a-0001-of-0002.gguf",
                             "a-00001-of-00002.bin", "-00001-of-00002.gguf", "a-000x1-of-00002.gguf"})
        EXPECT_EQ(parse_shard_name(name).number, 0) << name;
}

}  // namespace
}  // namespace puna
