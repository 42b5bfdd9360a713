#include "model/source.h"

#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "model/load.h"
#include "model/test_meta_folder.h"
#include "model/test_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

Config meta_config() {
    Config config = small_config(false);
    config.ffn = 64;
    return config;
}

// A folder with a seeded model in Meta's format.
class MetaFolder : public testing::Test {
 protected:
    Llama llama_ = seeded_llama(choose_kernels(), meta_config(), 7, {});
    TestFolder folder_;

    std::string load_error() const {
        return error_of([&] { load_llama(choose_kernels(), folder_.path(), {}); });
    }
    std::string path(std::string_view name) const { return (folder_ / name).string(); }
};

TEST(MetaGolden, GivesTheSameBitsAsTheHuggingFaceFolder) {
    fs::path golden = "../shared/golden";
    if (!fs::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    for (const char* model : {"tiny3", "tiny31", "small3"})
        for (std::optional<Dtype> dtype : {std::optional<Dtype>(), std::optional(Dtype::bf16)}) {
            Llama meta = load_llama(choose_kernels(), golden / model, {.dtype = dtype}),
                  hugging_face = load_llama(choose_kernels(), golden / model / "hf", {.dtype = dtype});
            EXPECT_EQ(logits_of(meta, 9), logits_of(hugging_face, 9)) << model;
            EXPECT_EQ(meta.config.context, hugging_face.config.context);
        }
}

TEST(MetaGolden, OnlyWeightsInAnotherOrderAreCopied) {
    fs::path golden = "../shared/golden/tiny3";
    if (!fs::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    Llama loaded = load_llama(choose_kernels(), golden, {});
    EXPECT_EQ(mapped_path_at(loaded.layers[0].wq.weight.weight.data), nullptr);
    EXPECT_NE(mapped_path_at(loaded.layers[0].wv.weight.weight.data), nullptr);
}

// The published model for 16 processes says how many heads its files have; a converted one may say how many differ.
TEST(MetaGolden, ShardsGiveTheSameBitsAsOneFile) {
    fs::path golden = "../shared/golden/small3";
    if (!fs::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    Llama whole = load_llama(choose_kernels(), golden, {});
    std::vector<float> expected = logits_of(whole, 9);
    std::string params = read_text(golden / "params.json"), copied = params;
    copied.replace(copied.find("\"n_kv_heads\": 2"), 15, "\"n_kv_heads\": 4");
    for (const MetaLayout& layout : {MetaLayout{.parts = 2, .params = params},
                                     {.parts = 2, .embedding_columns = true, .params = params},
                                     {.parts = 4, .kv_copies = 2, .params = copied},
                                     {.parts = 4, .embedding_columns = true, .kv_copies = 2, .params = params}}) {
        TestFolder folder;
        save_meta_folder(whole, folder.path(), layout);
        Llama loaded = load_llama(choose_kernels(), folder.path(), {});
        EXPECT_EQ(loaded.config.kv_heads, 2);
        EXPECT_EQ(logits_of(loaded, 9), expected) << layout.parts << " files";
    }
}

TEST_F(MetaFolder, KeyValueHeadsThatAreNoLongerEqualAreNamed) {
    Config config = meta_config();
    config.vocabulary = 52;
    Llama llama = seeded_llama(choose_kernels(), config, 7, {});
    save_meta_folder(llama, folder_ / "changed", {.parts = 4, .kv_copies = 2});
    llama.layers[1].wv.weight.weight.as<float>()[0] += 1;
    save_meta_folder(llama, folder_ / "other", {.parts = 4, .kv_copies = 2});
    fs::rename(folder_ / "other/consolidated.01.pth", folder_ / "changed/consolidated.01.pth");
    EXPECT_THAT(error_of([&] { load_llama(choose_kernels(), folder_ / "changed", {}); }),
                HasSubstr("head 1 of tensor layers.1.attention.wv.weight differs from the one before it"));
}

TEST_F(MetaFolder, OneFileOrSeveralGiveTheSameBits) {
    Llama same = seeded_llama(choose_kernels(), meta_config(), 7, {});
    std::vector<float> expected = logits_of(same);
    for (int64_t parts : {1, 2}) {
        save_meta_folder(llama_, folder_.path(), {.parts = parts});
        for (bool trainable : {false, true}) {
            Llama loaded = load_llama(choose_kernels(), folder_.path(), {.trainable = trainable});
            EXPECT_EQ(logits_of(loaded), expected) << parts;
        }
    }
}

TEST_F(MetaFolder, TheEmbeddingGivesTheVocabularyThatParamsLack) {
    for (int64_t parts : {1, 2}) {
        save_meta_folder(llama_, folder_.path(), {.parts = parts});
        write_file(folder_ / "params.json", meta_params(llama_.config, -1));
        EXPECT_EQ(load_config(folder_.path()).vocabulary, 50);
    }
}

TEST_F(MetaFolder, MissingFilesAreNamed) {
    save_meta_folder(llama_, folder_.path(), {.parts = 2});
    fs::rename(folder_ / "consolidated.01.pth", folder_ / "kept");
    EXPECT_EQ(load_error(),
              path("consolidated.00.pth") +
                  ": tensor tok_embeddings.weight is one of 2 parts, but the folder has 1 file: download or "
                  "copy the other files consolidated.NN.pth too");
    fs::rename(folder_ / "kept", folder_ / "consolidated.01.pth");
    fs::rename(folder_ / "consolidated.00.pth", folder_ / "kept");
    EXPECT_EQ(load_error(),
              path("consolidated.00.pth") + ": is missing, but there are others: download or copy it too");
    fs::remove(folder_ / "consolidated.01.pth");
    EXPECT_THAT(load_error(), HasSubstr("contains params.json but no consolidated.00.pth"));
    fs::rename(folder_ / "kept", folder_ / "consolidated.00.pth");
    fs::remove(folder_ / "params.json");
    EXPECT_THAT(load_error(), HasSubstr("contains consolidated.00.pth but no params.json"));
}

TEST_F(MetaFolder, FurtherFilesBesideAWholeModelAreNamed) {
    save_meta_folder(llama_, folder_.path(), {.parts = 1});
    std::vector<float> expected = logits_of(llama_);
    for (const char* name : {"consolidated.copy.pth", "consolidated.1.pth", "consolidated.001.pth"}) {
        fs::copy_file(folder_ / "consolidated.00.pth", folder_ / name);
        Llama loaded = load_llama(choose_kernels(), folder_.path(), {});
        EXPECT_EQ(logits_of(loaded), expected) << name;
    }
    fs::copy_file(folder_ / "consolidated.00.pth", folder_ / "consolidated.01.pth");
    EXPECT_EQ(load_error(),
              path("consolidated.00.pth") +
                  ": holds a whole model, but there is consolidated.01.pth too: remove it from the folder");
}

TEST_F(MetaFolder, TensorsOfAnotherModelAreRejectedByName) {
    save_meta_folder(llama_, folder_.path(), {.parts = 1});
    std::string params = meta_params(llama_.config, 50);
    auto error_with = [&](std::string_view from, std::string_view to) {
        std::string changed = params;
        write_file(folder_ / "params.json", changed.replace(changed.find(from), from.size(), to));
        return load_error();
    };
    EXPECT_EQ(error_with("\"n_kv_heads\": 2", "\"n_kv_heads\": 4"),
              path("consolidated.00.pth") +
                  ": tensor layers.0.attention.wk.weight has the shape [12, 24], but params.json implies [24, 24]: one "
                  "of the two belongs to another model");
    EXPECT_THAT(error_with("\"n_layers\": 2", "\"n_layers\": 3"),
                HasSubstr("consolidated.00.pth: tensor layers.2.attention.wq.weight is missing"));
    EXPECT_THAT(error_with("\"n_layers\": 2", "\"n_layers\": true"), HasSubstr("params.json: 'n_layers'"));
}

TEST_F(MetaFolder, AMissingTokenizerIsAnErrorOnlyForThoseWhoNeedIt) {
    save_meta_folder(llama_, folder_.path(), {.parts = 1});
    std::shared_ptr<ModelSource> source = open_model(folder_.path());
    EXPECT_THAT(error_of([&] { source->tokenizer(); }),
                HasSubstr(folder_.path().string() +
                          ": the folder has neither tokenizer.json nor tokenizer.model: copy the model's into it"));
}

}  // namespace
}  // namespace puna
