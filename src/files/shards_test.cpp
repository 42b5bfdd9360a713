#include "files/shards.h"

#include "core/test_folder.h"
#include "files/shard_index.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

namespace puna {
namespace {

class Shards : public testing::Test {
 protected:
    void SetUp() override {
        std::iota(numbers_.begin(), numbers_.end(), 0.f);
        for (int i = 0; i < 5; ++i) {
            Tensor tensor(numbers_.data() + i, Dtype::f32, {2, 2});
            tensors_.push_back({fmt::format("layers.{}.w", i), tensor});
            specs_.push_back(spec_of(tensors_.back()));
        }
    }

    void write(int64_t max_shard_bytes) const {
        ModelWeightsWriter writer(folder_.path(), specs_, {.max_shard_bytes = max_shard_bytes});
        for (const NamedTensor& named : tensors_) writer.write(named.tensor);
        writer.commit();
    }
    void put_index(std::string_view text) const { std::ofstream(folder_ / "model.safetensors.index.json") << text; }

    std::vector<std::string> names() const { return folder_.names(); }

    std::string refusal() const {
        try {
            ModelWeights weights(folder_.path());
        } catch (const Error& error) {
            return error.what();
        }
        return "was accepted";
    }

    TestFolder folder_;
    std::array<float, 8> numbers_;
    std::vector<NamedTensor> tensors_;
    std::vector<TensorSpec> specs_;
};

using Names = std::vector<std::string>;

TEST_F(Shards, AModelThatFitsIsOneFileWithoutIndex) {
    write(5 * 16);
    EXPECT_EQ(names(), Names{"model.safetensors"});
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.tensor("layers.4.w").as<float>()[3], 7);
    EXPECT_EQ(weights.find("layers.5.w"), nullptr);
    EXPECT_THROW(weights.tensor("layers.5.w"), Error);
}

TEST_F(Shards, ALargerModelIsSplitAndFoundByItsIndex) {
    write(2 * 16);
    EXPECT_EQ(names(), (Names{"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                              "model-00003-of-00003.safetensors", "model.safetensors.index.json"}));
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.files().size(), 3u);
    EXPECT_EQ(weights.files()[0].metadata("format"), "pt");
    for (size_t i = 0; i < 5; ++i) EXPECT_EQ(weights.tensor(tensors_[i].name).as<float>()[0], static_cast<float>(i));
    EXPECT_NE(read_text(folder_ / "model.safetensors.index.json").find("\"total_size\": 80"), std::string::npos);
}

TEST_F(Shards, ATensorLargerThanAShardHasAFileOfItsOwn) {
    write(1);
    EXPECT_EQ(names().size(), 6u);
    EXPECT_EQ(ModelWeights(folder_.path()).tensor("layers.2.w").as<float>()[0], 2);
}

TEST_F(Shards, WritingAgainLeavesNothingOfTheEarlierModel) {
    write(16);
    write(3 * 16);
    EXPECT_EQ(names(), (Names{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                              "model.safetensors.index.json"}));
    write(1000);
    EXPECT_EQ(names(), Names{"model.safetensors"});
    std::ofstream(folder_ / "tokenizer.json") << "{}";
    write(3 * 16);
    EXPECT_EQ(names().size(), 4u) << "other files stay, model.safetensors does not";
    EXPECT_EQ(ModelWeights(folder_.path()).files().size(), 2u);
}

TEST_F(Shards, AWriterThatIsGivenTooFewOrTooManyTensorsIsABug) {
    ModelWeightsWriter writer(folder_.path(), specs_, {.max_shard_bytes = 32});
    for (size_t i = 0; i < 4; ++i) writer.write(tensors_[i].tensor);
    EXPECT_THROW(writer.commit(), Bug);
    writer.write(tensors_[4].tensor);
    EXPECT_THROW(writer.write(tensors_[4].tensor), Bug);
}

TEST_F(Shards, AFolderWithoutWeightsSaysWhatIsLookedFor) {
    EXPECT_NE(refusal().find("neither model.safetensors nor model.safetensors.index.json is there"), std::string::npos)
        << refusal();
}

std::string problem_of(ModelWeights& weights, std::string_view name) {
    try {
        weights.tensor(name);
    } catch (const Error& error) {
        return error.what();
    }
    return "none";
}

TEST_F(Shards, AMissingShardIsNamedByWhoAsksForItsTensors) {
    write(32);
    std::filesystem::remove(folder_ / "model-00002-of-00003.safetensors");
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.tensor("layers.0.w").as<float>()[3], 3);
    EXPECT_EQ(weights.tensor("layers.4.w").as<float>()[3], 7);
    EXPECT_EQ(weights.find("layers.2.w"), nullptr);
    EXPECT_EQ(problem_of(weights, "layers.2.w"),
              folder_.path().string() +
                  ": tensor layers.2.w is missing: model.safetensors.index.json says that it is in "
                  "model-00002-of-00003.safetensors, which is not there: fetch or copy that file again");
    for (int i : {1, 3}) std::filesystem::remove(folder_ / fmt::format("model-0000{}-of-00003.safetensors", i));
    EXPECT_NE(refusal().find("none of the files that model.safetensors.index.json names is there"), std::string::npos)
        << refusal();
}

TEST_F(Shards, TensorsThatOnlyTheIndexOrOnlyTheShardNamesDoNotMatterUnlessAskedFor) {
    write(32);
    std::string file = "model-00001-of-00003.safetensors";
    put_index(R"({"weight_map":{"layers.0.w":")" + file + R"(","x":")" + file + "\"}}");
    ModelWeights weights(folder_.path());
    EXPECT_EQ(weights.tensor("layers.1.w").as<float>()[0], 1) << "only the shard names it";
    EXPECT_EQ(problem_of(weights, "x"), folder_.path().string() +
                                            ": tensor x is missing: model.safetensors.index.json says that it is in " +
                                            file + ", which does not have it: fetch or copy that file again");
    EXPECT_EQ(problem_of(weights, "y"), folder_.path().string() + ": tensor y is missing");
}

TEST_F(Shards, OfATensorInTwoShardsTheOneThatTheIndexNamesCounts) {
    write_safetensors(folder_ / "a.safetensors", {{"w", tensors_[0].tensor}});
    write_safetensors(folder_ / "b.safetensors", {{"w", tensors_[1].tensor}, {"v", tensors_[2].tensor}});
    for (std::string file : {"a", "b"}) {
        put_index(R"({"weight_map":{"w":")" + file + R"(.safetensors","u":"a.safetensors","v":"b.safetensors"}})");
        EXPECT_EQ(ModelWeights(folder_.path()).tensor("w").as<float>()[0], file == "a" ? 0 : 1);
    }
}

TEST(ShardIndexTest, WrongIndexesAreRefusedInOneLine) {
    auto expect = [](std::string_view text, std::string_view reason) {
        try {
            parse_shard_index(text, "i.json");
            ADD_FAILURE() << text << " was accepted";
        } catch (const Error& error) {
            std::string message = error.what();
            EXPECT_NE(message.find(reason), message.npos) << text << "\n  says: " << message;
            EXPECT_EQ(message.find('\n'), message.npos);
        }
    };
    expect("", "not valid JSON");
    expect("[]", "not an object");
    expect("{}", "has no weight_map");
    expect(R"({"weight_map":[]})", "weight_map is not an object");
    expect(R"({"weight_map":{},"weight_map":{}})", "weight_map is there twice");
    expect(R"({"weight_map":{"a":1}})", "tensor 'a' has no file name");
    expect(R"({"weight_map":{"a":{"b":"c.safetensors"}}})", "tensor 'a' has no file name");
    expect(R"({"weight_map":{"a":"../b.safetensors"}})", "tensor 'a' lies in '../b.safetensors'");
    expect(R"({"weight_map":{"a":"/b.safetensors"}})", "no name of a .safetensors file");
    expect(R"({"weight_map":{"a":"b\u0000.safetensors"}})", "'b\\x00.safetensors'");
    expect(R"({"weight_map":{"a":"b.bin"}})", "no name of a .safetensors file");
    expect(R"({"weight_map":{"a":"b.safetensors","a":"c.safetensors"}})", "tensor 'a' is there twice");
}

TEST(ShardIndexTest, EntriesComeByFileAndOtherFieldsArePassedOver) {
    std::string text = R"({"metadata":{"total_size":1,"x":[{"weight_map":{}}]},"weight_map":)"
                       R"({"b":"2.safetensors","a":"2.safetensors","\u0063":"1.safetensors"}})";
    ShardIndex index = parse_shard_index(text, "i.json");
    ASSERT_EQ(index.entries.size(), 3u);
    EXPECT_EQ(index.entries[0].tensor, "c");
    EXPECT_EQ(index.entries[1].tensor, "a");
    EXPECT_EQ(index.entries[2].file, "2.safetensors");
    EXPECT_TRUE(parse_shard_index(R"({"weight_map":{}})", "i.json").entries.empty());
}

}  // namespace
}  // namespace puna
