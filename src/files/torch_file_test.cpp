#include "files/torch_file.h"

#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/safetensors.h"
#include "files/test_pickle.h"
#include "files/test_zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>

namespace puna {
namespace {

using testing::HasSubstr;

using Parts = std::vector<std::pair<std::string, std::string>>;

std::string floats(const std::vector<float>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

class Torch : public testing::Test {
 protected:
    std::filesystem::path write(const std::string& bytes) const {
        std::filesystem::path path = folder_ / "x.pth";
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }
    std::filesystem::path write(const Parts& parts) const {
        return write(make_zip(parts, {.sizes_follow = true}).bytes);
    }
    std::string open_error(const std::string& bytes) const {
        return error_of([&] { TorchFile file(write(bytes)); });
    }
    std::string open_error(const Parts& parts) const {
        return error_of([&] { TorchFile file(write(parts)); });
    }
    // Of a file with one tensor w in a storage of six floats.
    std::string open_error(int64_t offset, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                           int64_t elements = 6, std::string_view key = "0") const {
        PickleBytes pickle;
        pickle.dict().mark().tensor("w", "FloatStorage", key, elements, offset, shape, strides);
        return open_error(Parts{{"x/data.pkl", pickle.end()}, {"x/data/0", floats({1, 2, 3, 4, 5, 6})}});
    }
    TestFolder folder_;
};

TEST_F(Torch, TensorsAreViewsOfTheirStorages) {
    PickleBytes pickle;
    pickle.dict().mark();
    pickle.tensor("w", "FloatStorage", "0", 6, 0, {2, 2}, {2, 1});
    pickle.tensor("shared", "FloatStorage", "0", 6, 3, {3, 1}, {1, 77});  // the stride of one column has no effect
    pickle.tensor("scalar", "LongStorage", "1", 1, 0, {}, {});
    pickle.tensor("empty", "HalfStorage", "2", 0, 0, {0, 3}, {1, 1});
    pickle.tensor("double", "DoubleStorage", "3", 1, 0, {1}, {1});
    std::filesystem::path path = write(Parts{{"x/data.pkl", pickle.end()},
                                             {"x/byteorder", "little"},
                                             {"x/data/0", floats({1, 2, 3, 4, 5, 6})},
                                             {"x/data/1", std::string("\x07\0\0\0\0\0\0\0", 8)},
                                             {"x/data/2", ""},
                                             {"x/data/3", std::string(8, '\0')},
                                             {"x/version", "3\n"}});
    TorchFile file(path);
    ASSERT_EQ(file.entries().size(), 5u);
    EXPECT_EQ(file.entries()[0].name, "w");
    EXPECT_EQ(file.tensor("w").shape(), "f32 [2, 2]");
    EXPECT_EQ(file.tensor("w").as<float>()[3], 4);
    EXPECT_EQ(file.tensor("shared").shape(), "f32 [3, 1]");
    EXPECT_EQ(file.tensor("shared").as<float>()[0], 4);
    EXPECT_EQ(file.tensor("scalar").as<int64_t>()[0], 7);
    EXPECT_EQ(file.tensor("scalar").rank, 0);
    EXPECT_EQ(file.tensor("empty").shape(), "f16 [0, 3]");
    EXPECT_THAT(error_of([&] { file.tensor("double"); }),
                HasSubstr("x.pth: tensor 'double' has the unsupported dtype DoubleStorage"));
    EXPECT_EQ(file.find("x"), nullptr);
}

TEST_F(Torch, TensorsOutsideOfTheirStorageAreRejectedByName) {
    EXPECT_EQ(open_error(0, {2, 3}, {3, 1}), "no error");
    EXPECT_THAT(open_error(-1, {2, 3}, {3, 1}), HasSubstr("x.pth: tensor 'w' has 6 elements at -1 of a storage of 6"));
    EXPECT_THAT(open_error(1, {2, 3}, {3, 1}), HasSubstr("tensor 'w' has 6 elements at 1 of a storage of 6"));
    EXPECT_THAT(open_error(INT64_MAX, {2, 3}, {3, 1}), HasSubstr("tensor 'w' has 6 elements at 9223372036854775807"));
    EXPECT_THAT(open_error(0, {2, -3}, {3, 1}), HasSubstr("tensor 'w' has a size of -3"));
    EXPECT_THAT(open_error(0, {int64_t{1} << 32, int64_t{1} << 32}, {int64_t{1} << 32, 1}),
                HasSubstr("tensor 'w' has too many elements"));
    EXPECT_THAT(open_error(0, {2, 3}, {1}), HasSubstr("tensor 'w' has 2 sizes and 1 strides"));
    EXPECT_THAT(open_error(0, {1}, {1}, -6), HasSubstr("tensor 'w' has 1 elements at 0 of a storage of -6"));
    EXPECT_THAT(open_error(0, {2, 3}, {3, 1}, 7), HasSubstr("tensor 'w' has a storage of 7 elements of 4 bytes, but "
                                                            "'x/data/0' has 24 bytes"));
    EXPECT_THAT(open_error(0, {1}, {1}, (int64_t{1} << 62) + 6), HasSubstr("tensor 'w' has a storage of"));
    EXPECT_THAT(open_error(0, {1}, {1}, 6, "../version"),
                HasSubstr("tensor 'w' has its numbers in 'x/data/../version', which the archive lacks"));
}

TEST_F(Torch, TensorsThatAreNotContiguousAreRejectedByName) {
    for (const std::vector<int64_t>& strides :
         std::vector<std::vector<int64_t>>{{1, 2}, {6, 1}, {0, 1}, {3, -1}, {3, 2}})
        EXPECT_THAT(open_error(0, {2, 3}, strides), HasSubstr("x.pth: tensor 'w' is not contiguous: save it again"))
            << strides[0] << " " << strides[1];
}

TEST_F(Torch, OtherArchivesAreRejected) {
    std::string pickle = PickleBytes().dict().mark().end();
    EXPECT_EQ(open_error(Parts{{"x/data.pkl", pickle}}), "no error");
    EXPECT_THAT(open_error(Parts{{"x/other", ""}}), HasSubstr("x.pth: has no data.pkl"));
    EXPECT_THAT(open_error(Parts{{"data.pkl", pickle}}), HasSubstr("x.pth: has no data.pkl"));
    EXPECT_THAT(open_error(Parts{{"x/data.pkl", pickle}, {"y/data.pkl", pickle}}), HasSubstr("more than one data.pkl"));
    EXPECT_THAT(open_error(Parts{{"x/data.pkl", pickle}, {"x/byteorder", "big"}}), HasSubstr("a big-endian machine"));
    EXPECT_THAT(open_error(Parts{{"x/data.pkl", "\x80\x02K"}}), HasSubstr("x.pth: data.pkl: ends in the middle"));
    EXPECT_THAT(open_error("\x80\x02}."),
                HasSubstr("x.pth: is a PyTorch checkpoint in the format from before PyTorch 1.6"));
    EXPECT_THAT(open_error(std::string("")), HasSubstr("x.pth: is not a zip archive"));
    PickleBytes twice;
    twice.dict().mark().tensor("w", "FloatStorage", "0", 1, 0, {}, {}).tensor("w", "FloatStorage", "0", 1, 0, {}, {});
    EXPECT_THAT(open_error(Parts{{"x/data.pkl", twice.end()}, {"x/data/0", "1234"}}),
                HasSubstr("duplicate tensor 'w'"));
}

// Names and, of queries and keys, the order of rows differ: Meta's rotary pairs are neighbors, Hugging Face's are in
// two halves of a head.
TEST(GoldenTorch, MetasFilesHoldTheSameBytesAsHuggingFaces) {
    const std::filesystem::path golden = "../shared/golden";
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << "../shared/golden is missing";
    const std::map<std::string, std::string> names = {{"tok_embeddings", "model.embed_tokens"},
                                                      {"norm", "model.norm"},
                                                      {"output", "lm_head"},
                                                      {"attention_norm", "input_layernorm"},
                                                      {"ffn_norm", "post_attention_layernorm"},
                                                      {"attention.wq", "self_attn.q_proj"},
                                                      {"attention.wk", "self_attn.k_proj"},
                                                      {"attention.wv", "self_attn.v_proj"},
                                                      {"attention.wo", "self_attn.o_proj"},
                                                      {"feed_forward.w1", "mlp.gate_proj"},
                                                      {"feed_forward.w2", "mlp.down_proj"},
                                                      {"feed_forward.w3", "mlp.up_proj"}};
    constexpr int64_t head_rows[] = {16, 16, 32};
    const char* models[] = {"tiny3", "tiny31", "small3"};
    for (size_t m = 0; m < std::size(models); ++m) {
        TorchFile meta(golden / models[m] / "consolidated.00.pth");
        SafetensorsFile hugging_face(golden / models[m] / "hf/model.safetensors");
        EXPECT_EQ(meta.entries().size(), hugging_face.entries().size());
        for (const TensorEntry& entry : meta.entries()) {
            std::string name(entry.name), layer;
            name.resize(name.size() - std::string(".weight").size());
            if (name.starts_with("layers.")) {
                size_t end = name.find('.', std::string("layers.").size()) + 1;
                layer = "model." + name.substr(0, end);
                name.erase(0, end);
            }
            Tensor ours = meta.tensor(entry), theirs = hugging_face.tensor(layer + names.at(name) + ".weight");
            ASSERT_EQ(ours.shape(), theirs.shape()) << name;
            bool permuted = name == "attention.wq" || name == "attention.wk";
            for (int64_t r = 0; r < ours.rows(); ++r) {
                int64_t rows = head_rows[m], head = r / rows * rows, i = r % rows;
                int64_t from = permuted ? head + i % (rows / 2) * 2 + i / (rows / 2) : r;
                const char *a = static_cast<const char*>(ours.data) + from * ours.row_bytes(),
                           *b = static_cast<const char*>(theirs.data) + r * theirs.row_bytes();
                ASSERT_EQ(std::memcmp(a, b, static_cast<size_t>(ours.row_bytes())), 0)
                    << models[m] << " " << name << " " << r;
            }
        }
    }
}

}  // namespace
}  // namespace puna
