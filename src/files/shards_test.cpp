#include "files/shards.h"

#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/shard_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::Not;

class Shards : public testing::Test {
 protected:
    void SetUp() override {
        std::iota(values_.begin(), values_.end(), 0.f);
        for (int i = 0; i < 5; ++i) {
            Tensor tensor(values_.data() + i, Dtype::f32, {2, 2});
            tensors_.push_back({fmt::format("layers.{}.w", i), tensor});
            specs_.push_back(spec_of(tensors_.back()));
        }
    }

    void write(int64_t max_shard_bytes) const {
        ModelWeightsWriter writer(folder_.path(), specs_, {.max_shard_bytes = max_shard_bytes});
        for (const NamedTensor& named : tensors_) writer.write(named.tensor);
        writer.commit();
    }
    void write_index(std::string_view text) const { std::ofstream(folder_ / "model.safetensors.index.json") << text; }

    std::vector<std::string> names() const { return folder_.names(); }

    std::string open_error() const {
        return error_of([&] { ModelWeights weights(folder_.path()); });
    }

    TestFolder folder_;
    std::array<float, 8> values_;
    std::vector<NamedTensor> tensors_;
    std::vector<TensorSpec> specs_;
};

using Names = std::vector<std::string>;

TEST_F(Shards, ModelThatFitsIsOneFileWithoutIndex) {
    write(5 * 16);
    EXPECT_EQ(names(), Names{"model.safetensors"});
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.tensor("layers.4.w").as<float>()[3], 7);
    EXPECT_EQ(weights.find("layers.5.w"), nullptr);
    EXPECT_THROW(weights.tensor("layers.5.w"), Error);
}

TEST_F(Shards, LargerModelsAreSplitAndIndexed) {
    write(2 * 16);
    EXPECT_EQ(names(), (Names{"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                              "model-00003-of-00003.safetensors", "model.safetensors.index.json"}));
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.files().size(), 3u);
    EXPECT_EQ(SafetensorsFile(folder_ / "model-00001-of-00003.safetensors").metadata("format"), "pt");
    for (size_t i = 0; i < 5; ++i) EXPECT_EQ(weights.tensor(tensors_[i].name).as<float>()[0], static_cast<float>(i));
    EXPECT_THAT(read_text(folder_ / "model.safetensors.index.json"), HasSubstr("\"total_size\": 80"));
}

TEST_F(Shards, TensorLargerThanAShardGetsItsOwnFile) {
    write(1);
    EXPECT_EQ(names().size(), 6u);
    EXPECT_EQ(ModelWeights(folder_.path()).tensor("layers.2.w").as<float>()[0], 2);
}

TEST_F(Shards, WritingAgainRemovesTheEarlierModel) {
    write(16);
    write(3 * 16);
    EXPECT_EQ(names(), (Names{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                              "model.safetensors.index.json"}));
    write(1000);
    EXPECT_EQ(names(), Names{"model.safetensors"});
    std::ofstream(folder_ / "tokenizer.json") << "{}";
    write(3 * 16);
    EXPECT_EQ(names().size(), 4u) << "other files are kept, model.safetensors is removed";
    EXPECT_EQ(ModelWeights(folder_.path()).files().size(), 2u);
}

TEST_F(Shards, WritingTooFewOrTooManyTensorsIsABug) {
    ModelWeightsWriter writer(folder_.path(), specs_, {.max_shard_bytes = 32});
    for (size_t i = 0; i < 4; ++i) writer.write(tensors_[i].tensor);
    EXPECT_THROW(writer.commit(), Bug);
    writer.write(tensors_[4].tensor);
    EXPECT_THROW(writer.write(tensors_[4].tensor), Bug);
}

TEST_F(Shards, FolderWithoutWeightsIsAnErrorWithTheExpectedNames) {
    EXPECT_THAT(open_error(), HasSubstr("contains neither model.safetensors nor model.safetensors.index.json"));
}

std::string tensor_error(ModelWeights& weights, std::string_view name) {
    return error_of([&] { weights.tensor(name); });
}

TEST_F(Shards, MissingShardIsAnErrorOnlyForItsTensors) {
    write(32);
    std::filesystem::remove(folder_ / "model-00002-of-00003.safetensors");
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.tensor("layers.0.w").as<float>()[3], 3);
    EXPECT_EQ(weights.tensor("layers.4.w").as<float>()[3], 7);
    EXPECT_EQ(weights.find("layers.2.w"), nullptr);
    EXPECT_EQ(tensor_error(weights, "layers.2.w"),
              folder_.path().string() +
                  ": tensor layers.2.w is missing: model.safetensors.index.json lists it in "
                  "model-00002-of-00003.safetensors, which does not exist: download or copy that file again");
    for (int i : {1, 3}) std::filesystem::remove(folder_ / fmt::format("model-0000{}-of-00003.safetensors", i));
    EXPECT_THAT(open_error(), HasSubstr("none of the files listed in model.safetensors.index.json exists"));
}

TEST_F(Shards, DamagedShardIsAnErrorOnlyForItsTensors) {
    write(32);
    std::filesystem::resize_file(folder_ / "model-00002-of-00003.safetensors", 20);
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.tensor("layers.0.w").as<float>()[3], 3);
    EXPECT_THAT(tensor_error(weights, "layers.2.w"), HasSubstr("model-00002-of-00003.safetensors"));
    EXPECT_EQ(error_kind_of([&] { weights.tensor("layers.2.w"); }), ErrorKind::damaged);
}

// Otherwise something else would silently take the file's place.
TEST_F(Shards, DanglingLinkIsNamed) {
    write(32);
    std::filesystem::create_symlink("nowhere", folder_ / "model.safetensors");
    EXPECT_EQ(open_error(), (folder_ / "model.safetensors").string() + ": cannot open: No such file or directory");
}

TEST_F(Shards, IndexMismatchesAreErrorsOnlyForMissingTensors) {
    write(32);
    std::string file = "model-00001-of-00003.safetensors";
    write_index(R"({"weight_map":{"layers.0.w":")" + file + R"(","x":")" + file + "\"}}");
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.tensor("layers.1.w").as<float>()[0], 1) << "only in the shard";
    EXPECT_EQ(tensor_error(weights, "x"), folder_.path().string() +
                                              ": tensor x is missing: model.safetensors.index.json lists it in " +
                                              file + ", which does not contain it: download or copy that file again");
    EXPECT_EQ(tensor_error(weights, "y"),
              folder_.path().string() + ": tensor y is missing: download or copy the weights again");
}

TEST_F(Shards, IndexDecidesBetweenTwoShardsWithTheSameTensor) {
    write_safetensors(folder_ / "a.safetensors", {{"w", tensors_[0].tensor}});
    write_safetensors(folder_ / "b.safetensors", {{"w", tensors_[1].tensor}, {"v", tensors_[2].tensor}});
    for (std::string file : {"a", "b"}) {
        write_index(R"({"weight_map":{"w":")" + file + R"(.safetensors","u":"a.safetensors","v":"b.safetensors"}})");
        EXPECT_EQ(ModelWeights(folder_.path()).tensor("w").as<float>()[0], file == "a" ? 0 : 1);
    }
    write_index(R"({"weight_map":{"w":"a.safetensors","v":"a.safetensors","u":"b.safetensors"}})");
    ModelWeights weights(folder_.path());
    EXPECT_THAT(tensor_error(weights, "v"), HasSubstr("lists it in a.safetensors, which does not contain it"))
        << "though another one does";
}

TEST(ShardIndexTest, InvalidIndexesAreRejectedInOneLine) {
    auto expect = [](std::string_view text, std::string_view reason) {
        std::string message = error_of([&] { parse_shard_index(text, "i.json"); });
        EXPECT_THAT(message, HasSubstr(reason)) << text << "\n  gives: " << message;
        EXPECT_THAT(message, Not(HasSubstr("\n")));
    };
    expect("", "not valid JSON");
    expect("[]", "not a JSON object");
    expect("{}", "has no weight_map");
    expect(R"({"weight_map":[]})", "'weight_map' must be an object");
    expect(R"({"weight_map":{},"weight_map":{}})", "duplicate field 'weight_map'");
    expect(R"({"weight_map":{"a":1}})", "tensor 'a' has no file name");
    expect(R"({"weight_map":{"a":{"b":"c.safetensors"}}})", "tensor 'a' has no file name");
    expect(R"({"weight_map":{"a":"../b.safetensors"}})", "tensor 'a' is mapped to '../b.safetensors'");
    expect(R"({"weight_map":{"a":"/b.safetensors"}})", "not the name of a .safetensors file");
    expect(R"({"weight_map":{"a":"b\u0000.safetensors"}})", "'b\\x00.safetensors'");
    expect(R"({"weight_map":{"a":"b.bin"}})", "not the name of a .safetensors file");
    expect(R"({"weight_map":{"a":"b.safetensors","a":"c.safetensors"}})", "duplicate tensor 'a'");
}

TEST(ShardIndexTest, EntriesAreSortedByFileAndOtherFieldsAreIgnored) {
    std::string text = R"({"metadata":{"total_size":1,"x":[{"weight_map":{}}]},"weight_map":)"
                       R"({"b":"2.safetensors","a":"2.safetensors","\u0063":"1.safetensors"}})";
    std::vector<ShardEntry> index = parse_shard_index(text, "i.json");
    ASSERT_EQ(index.size(), 3u);
    EXPECT_EQ(index[0].tensor, "c");
    EXPECT_EQ(index[1].tensor, "a");
    EXPECT_EQ(index[2].file, "2.safetensors");
    EXPECT_TRUE(parse_shard_index(R"({"weight_map":{}})", "i.json").empty());
}

}  // namespace
}  // namespace puna
