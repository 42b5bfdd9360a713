#include "model/importance.h"

#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/gguf.h"
#include "files/gguf_writer.h"
#include "model/initialize.h"
#include "model/test_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A file of the older format.
class DatBytes {
 public:
    DatBytes& number(int32_t n) { return add(&n, sizeof n); }
    DatBytes& text(std::string_view text) {
        return number(static_cast<int32_t>(text.size())).add(text.data(), text.size());
    }
    DatBytes& entry(std::string_view name, int32_t chunks, const std::vector<float>& sums) {
        text(name).number(chunks).number(static_cast<int32_t>(sums.size()));
        return add(sums.data(), sums.size() * sizeof(float));
    }
    const std::string& bytes() const { return bytes_; }

 private:
    DatBytes& add(const void* data, size_t n) {
        bytes_.append(static_cast<const char*>(data), n);
        return *this;
    }
    std::string bytes_;
};

ImportanceMatrix parse(const std::string& bytes) {
    return parse_importance_dat(std::as_bytes(std::span(bytes)), "llama.dat");
}
std::string parse_error(const DatBytes& file) {
    return error_of([&] { parse(file.bytes()); });
}

class ImportanceFiles : public testing::Test {
 protected:
    std::filesystem::path write(std::string_view name, std::string_view bytes) const {
        std::ofstream(folder_ / name, std::ios::binary) << bytes;
        return folder_ / name;
    }
    // A GGUF file of one entry.
    std::filesystem::path write_gguf(std::string_view type, const std::vector<float>& sums,
                                     const std::vector<float>& counts) const {
        GgufMetadata metadata;
        metadata.add("general.type", type);
        std::filesystem::path path = folder_ / "x.gguf";
        int64_t n = static_cast<int64_t>(sums.size()), matrices = static_cast<int64_t>(counts.size());
        GgufWriter writer(path, metadata, {{"w.in_sum2", Dtype::f32, {1, n}}, {"w.counts", Dtype::f32, {matrices, 1}}});
        writer.write(Tensor(const_cast<float*>(sums.data()), Dtype::f32, {1, n}));
        writer.write(Tensor(const_cast<float*>(counts.data()), Dtype::f32, {matrices, 1}));
        writer.commit();
        return path;
    }
    TestFolder folder_;
};

TEST_F(ImportanceFiles, OlderFilesHoldSumsOverChunks) {
    DatBytes file;
    file.number(2).entry("blk.0.attn_q.weight", 4, {2, 0, 6}).entry("blk.0.ffn_down.weight", 0, {5});
    file.number(17).text("wiki.txt");
    ImportanceMatrix importance = read_importance(write("a.dat", file.bytes()));
    EXPECT_THAT(importance.mean_squares.at("blk.0.attn_q.weight"), ElementsAre(0.5f, 0, 1.5f));
    EXPECT_THAT(importance.mean_squares.at("blk.0.ffn_down.weight"), ElementsAre(5));
    EXPECT_EQ(importance.mean_squares.size(), 2u);
    EXPECT_EQ(importance.dataset, "wiki.txt");
    EXPECT_EQ(importance.chunks, 17);
    DatBytes oldest;
    oldest.number(1).entry("w", 4, {2});
    EXPECT_EQ(parse(oldest.bytes()).chunks, 4);
}

TEST_F(ImportanceFiles, DamagedFilesAreErrors) {
    DatBytes file;
    file.number(1).entry("w", 4, {2, 3}).number(4).text("t");
    for (size_t n = 0; n < file.bytes().size(); ++n) {
        if (n == 4 + 5 + 4 + 4 + 8) continue;  // the oldest files end here
        EXPECT_THAT(error_of([&] { parse(file.bytes().substr(0, n)); }),
                    HasSubstr("llama.dat: is no importance matrix"))
            << n;
    }
    EXPECT_THAT(parse_error(DatBytes().number(-1)), HasSubstr("is no importance matrix"));
    EXPECT_THAT(parse_error(DatBytes().number(1).text("w").number(1).number(INT32_MAX)), HasSubstr("byte 17 of 17"));
    EXPECT_THAT(parse_error(DatBytes().number(1).entry("w", 1, {})), HasSubstr("the entry of 'w' has no values"));
    EXPECT_THAT(parse_error(DatBytes().number(1).entry("w", 1, {NAN})), HasSubstr("contains nan"));
    EXPECT_THAT(parse_error(DatBytes().number(1).entry("w", 1, {1, -1})), HasSubstr("contains -1"));
    EXPECT_THAT(parse_error(DatBytes().number(2).entry("w", 1, {1}).entry("w", 1, {1})), HasSubstr("is there twice"));
}

TEST_F(ImportanceFiles, NewerFilesHoldSumsAndCounts) {
    ImportanceMatrix importance = read_importance(write_gguf("imatrix", {2, 0, 6}, {4}));
    EXPECT_THAT(importance.mean_squares.at("w"), ElementsAre(0.5f, 0, 1.5f));
    auto error = [](const std::filesystem::path& path) { return error_of([&] { read_importance(path); }); };
    EXPECT_THAT(error(write_gguf("model", {2}, {4})), HasSubstr("but no importance matrix"));
    EXPECT_THAT(error(write_gguf("imatrix", {2}, {0})), HasSubstr("'w.counts' has no count"));
    EXPECT_THAT(error(write_gguf("imatrix", {2}, {4, 4})), HasSubstr("experts are not supported"));
    EXPECT_THAT(error(write_gguf("imatrix", {INFINITY}, {4})), HasSubstr("the entry of 'w' contains inf"));
}

TEST_F(ImportanceFiles, WhatIsWrittenIsReadAgain) {
    ImportanceMatrix importance{.mean_squares = {{"a", {1, 2}}, {"b", {0, 3, 0.5f}}}, .dataset = "t.txt", .chunks = 12};
    write_importance(importance, folder_ / "y.gguf");
    ImportanceMatrix again = read_importance(folder_ / "y.gguf");
    EXPECT_EQ(again.mean_squares, importance.mean_squares);
    EXPECT_EQ(again.dataset, "t.txt");
    EXPECT_EQ(again.chunks, 12);
}

TEST(Importance, IsTheMeanSquareOfAMatrixsInputs) {
    const Kernels& kernels = choose_kernels();
    Llama llama = seeded_llama(kernels, small_config(false), 1, {.dtype = Dtype::f32});
    std::vector<int32_t> tokens{3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
    ImportanceMatrix importance = measure_importance(llama, tokens, {.chunk = 6, .bos = 0});
    EXPECT_EQ(importance.chunks, 2) << "of five tokens and the first one";
    EXPECT_EQ(importance.mean_squares.size(), 7 * static_cast<size_t>(llama.config.layers));
    for (std::string name : {"attn_q", "attn_k", "attn_v"})
        EXPECT_EQ(importance.mean_squares.at("blk.0." + name + ".weight"),
                  importance.mean_squares.at("blk.0.attn_q.weight"));
    EXPECT_EQ(importance.mean_squares.at("blk.1.ffn_down.weight").size(), static_cast<size_t>(llama.config.ffn));
    double sum = 0;  // a norm with weights of one makes the mean over all columns one, but for its epsilon
    for (float x : importance.mean_squares.at("blk.0.ffn_gate.weight")) sum += x;
    EXPECT_NEAR(sum / static_cast<double>(llama.config.dim), 1, 0.05);
    EXPECT_THAT(error_of([&] { measure_importance(llama, {}, {}); }), HasSubstr("the text has no tokens"));
}

TEST(Importance, ColumnsThatWereHardlyUsedCountALittle) {
    Arena memory(choose_kernels());
    WeightInfo weight{.gguf = "output", .rows = 3, .columns = 4, .kind = WeightKind::output};
    ImportanceMatrix importance{.mean_squares = {{"output.weight", {0, 1, 3, 0}}}};
    Tensor x = importance_of(importance, weight, memory, "x.dat");
    EXPECT_THAT(std::vector(x.as<float>(), x.as<float>() + 4), ElementsAre(0.001f, 1, 3, 0.001f));
    importance.mean_squares["output.weight"] = {0, 0, 0, 0};
    EXPECT_FALSE(importance_of(importance, weight, memory, "x.dat")) << "the same for all";
    EXPECT_FALSE(importance_of({}, weight, memory, "x.dat"));
    importance.mean_squares["output.weight"] = {1, 2};
    EXPECT_THAT(
        error_of([&] { importance_of(importance, weight, memory, "x.dat"); }),
        HasSubstr("x.dat: has 2 values for 'output.weight', which has 4 columns: it was measured with another"));
}

}  // namespace
}  // namespace puna
