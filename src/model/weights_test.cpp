#include "model/weights.h"

#include "files/gguf.h"
#include "files/safetensors.h"
#include "files/torch_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace puna {
namespace {

using Names = std::set<std::string>;

Names names_of(const Config& config, std::string (*name)(const WeightInfo&)) {
    Names names;
    for (const WeightInfo& weight : list_weights(config)) names.insert(name(weight));
    return names;
}

template <class File>
Names names_in(const std::filesystem::path& path) {
    File file(path);
    Names names;
    for (const TensorEntry& entry : file.entries()) names.insert(std::string(entry.name));
    return names;
}

TEST(Weights, NamesInEveryFormatAreThoseOfRealFiles) {
    std::filesystem::path folder = "../shared/golden/small3";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder.string() << " is missing";
    Config config = read_config(folder / "hf/config.json");
    EXPECT_EQ(names_of(config, name_of), names_in<TorchFile>(folder / "consolidated.00.pth"));
    EXPECT_EQ(names_of(config, hugging_face_name), names_in<SafetensorsFile>(folder / "hf/model.safetensors"));
    EXPECT_EQ(names_of(config, gguf_name), names_in<GgufFile>(folder / "gguf/small3-F32.gguf"));
}

TEST(Weights, AreListedInCheckpointOrder) {
    Config config{.dim = 8, .layers = 2, .heads = 2, .kv_heads = 1, .head_dim = 4, .ffn = 16, .vocabulary = 10};
    std::vector<WeightInfo> list = list_weights(config);
    ASSERT_EQ(list.size(), 21u);
    EXPECT_EQ(name_of(list.front()), "tok_embeddings.weight");
    EXPECT_EQ(name_of(list[1]), "layers.0.attention.wq.weight");
    EXPECT_EQ(name_of(list[18]), "layers.1.ffn_norm.weight");
    EXPECT_EQ(name_of(list.back()), "output.weight");
    EXPECT_EQ(list[2].shape(), (std::vector<int64_t>{4, 8}));
    EXPECT_EQ(list[18].shape(), (std::vector<int64_t>{8}));
    int64_t elements = 0;
    for (const WeightInfo& weight : list) elements += weight.count();
    EXPECT_EQ(elements, parameter_count(config));
}

TEST(Weights, BiasesFollowTheirMatricesAndHaveTheirNames) {
    Config config{.dim = 8, .layers = 1, .heads = 2, .kv_heads = 1, .head_dim = 6, .ffn = 16, .vocabulary = 10};
    int64_t without = parameter_count(config);
    config.attention_bias = true;
    EXPECT_EQ(parameter_count(config), without + 12 + 6 + 6 + 8);
    config.mlp_bias = true;
    EXPECT_EQ(parameter_count(config), without + 12 + 6 + 6 + 8 + 16 + 8 + 16);
    std::vector<WeightInfo> list = list_weights(config);
    EXPECT_EQ(name_of(list[2]), "layers.0.attention.wq.bias");
    EXPECT_EQ(hugging_face_name(list[2]), "model.layers.0.self_attn.q_proj.bias");
    EXPECT_EQ(gguf_name(list[2]), "blk.0.attn_q.bias");
    EXPECT_EQ(list[2].shape(), std::vector<int64_t>{12});
    EXPECT_TRUE(list[2].rotary && list[4].rotary && !list[6].rotary) << "q, k and v";
    EXPECT_EQ(list[2].split, Split::rows);
    EXPECT_EQ(name_of(list[8]), "layers.0.attention.wo.bias");
    EXPECT_EQ(list[8].split, Split::none) << "added once, to the sum of all processes";
}

// Parameter counts of the published models.
TEST(Weights, CountsTheParametersOfPublishedLlamas) {
    struct Model {
        int64_t dim, layers, heads, head_dim, ffn, count;
        bool tied;
    };
    for (Model m :
         {Model{2048, 16, 32, 64, 8192, 1235814400, true}, Model{3072, 28, 24, 128, 8192, 3212749824, true},
          Model{4096, 32, 32, 128, 14336, 8030261248, false}, Model{8192, 80, 64, 128, 28672, 70553706496, false}}) {
        Config c;
        c.dim = m.dim;
        c.layers = m.layers;
        c.heads = m.heads;
        c.kv_heads = 8;
        c.head_dim = m.head_dim;
        c.ffn = m.ffn;
        c.vocabulary = 128256;
        c.tied = m.tied;
        EXPECT_EQ(parameter_count(c), m.count);
    }
    Config bench;
    bench.dim = 512;
    bench.layers = bench.heads = 8;
    bench.kv_heads = 4;
    bench.head_dim = 64;
    bench.ffn = 1408;
    bench.vocabulary = 8192;
    EXPECT_NEAR(training_operations(bench, 512) / 1e6, 179.3, 0.05);
}

}  // namespace
}  // namespace puna
