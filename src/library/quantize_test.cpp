#include "library/quantize.h"

#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/gguf.h"
#include "library/lineage.h"
#include "model/load.h"
#include "model/quantization_mix.h"
#include "model/test_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

const fs::path starter = "models/starter";

class Quantize : public testing::Test {
 protected:
    fs::path quantize(const char* type, QuantizeOptions options = {}) {
        fs::path to = folder_ / "x.gguf";
        options.force = true;
        quantize_model(*open_model(starter), type, to, options);
        return to;
    }
    static std::vector<float> logits(const fs::path& model) {
        Llama llama = load_llama(choose_kernels(), model, {});
        return logits_of(llama);
    }
    static NamedImportance importance() {
        static const ImportanceMatrix measured = [] {
            TestFolder folder;
            write_file(folder / "text", read_text("README.md").substr(0, 4000));
            return measure_importance(starter, folder / "text");
        }();
        return {measured, "matrix.gguf"};
    }
    TestFolder folder_;
};

TEST_F(Quantize, EveryFileTypeBecomesAModelThatComputesAboutTheSame) {
    std::vector<float> exact = logits(starter);
    auto correlation = [&](const std::vector<float>& other) {
        double xy = 0, xx = 0, yy = 0;
        for (size_t i = 0; i < exact.size(); ++i)
            xy += exact[i] * other[i], xx += exact[i] * exact[i], yy += other[i] * other[i];
        return xy / std::sqrt(xx * yy);
    };
    for (const FileType& type : file_types()) {
        fs::path file = quantize(std::string(type.name).c_str(), {.importance = importance});
        EXPECT_GT(correlation(logits(file)), type.needs_importance ? 0.85 : 0.97) << type.name;
        EXPECT_EQ(GgufFile(file).integer("general.file_type"), type.number) << type.name;
    }
}

TEST_F(Quantize, TheFileSaysWhatItWasQuantizedBy) {
    GgufFile file(quantize("iq3_s", {.importance = importance}));
    EXPECT_EQ(file.text("quantize.imatrix.file"), "matrix.gguf");
    EXPECT_EQ(file.text("quantize.imatrix.dataset"), "text");
    EXPECT_EQ(file.integer("quantize.imatrix.entries_count"), 6 * 7) << "matrices of layers";
    EXPECT_EQ(file.integer("general.quantization_version"), 2);
}

TEST_F(Quantize, TheFileSaysFromWhichModelAndUnderWhichLicense) {
    fs::path file = quantize("q4_0");
    EXPECT_EQ(card_of_model(file).license, "apache-2.0");
    EXPECT_EQ(to_text(trace_lineage(file, HubCache(folder_ / "cache"))), "x.gguf\n`-- quantized from starter\n");
}

TEST_F(Quantize, AnImportanceMatrixIsNeededMeasuredAfterAllElseAndOfThisModel) {
    EXPECT_THAT(error_of([&] { quantize("iq2_xxs"); }), HasSubstr("iq2_xxs needs an importance matrix"));
    auto of_another = [] {
        NamedImportance other = importance();
        other.matrix.mean_squares["blk.0.attn_q.weight"].resize(100);
        return other;
    };
    EXPECT_THAT(error_of([&] { quantize("q4_k_m", {.importance = of_another}); }),
                HasSubstr("matrix.gguf: has 100 values for 'blk.0.attn_q.weight', which has 256 columns"));
    auto incomplete = [] {
        NamedImportance other = importance();
        other.matrix.mean_squares.erase("blk.3.attn_q.weight");
        return other;
    };
    EXPECT_THAT(error_of([&] { quantize("iq2_xs", {.importance = incomplete}); }),
                HasSubstr("matrix.gguf: has no entry for 'blk.3.attn_q.weight', which iq2_xs needs"));
    bool measured = false;
    auto measure = [&] { return measured = true, importance(); };
    EXPECT_THAT(error_of([&] { quantize("q4_k", {.importance = measure}); }), HasSubstr("'q4_k' is no type"));
    quantize_model(*open_model(starter), "q8_0", folder_ / "y.gguf", {});
    EXPECT_THAT(
        error_of([&] { quantize_model(*open_model(starter), "q4_0", folder_ / "y.gguf", {.importance = measure}); }),
        HasSubstr("already exists"));
    write_file(folder_ / "notes.gguf", "mine");
    EXPECT_THAT(
        error_of([&] { quantize_model(*open_model(starter), "q4_0", folder_ / "notes.gguf", {.force = true}); }),
        HasSubstr("is not a GGUF file"));
    EXPECT_FALSE(measured);
    EXPECT_FALSE(fs::exists(folder_ / "x.gguf")) << "nothing is left of a failure";
}

}  // namespace
}  // namespace puna
