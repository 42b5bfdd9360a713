#include "library/hub/choose_files.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ModelFiles choose(const std::vector<std::string>& paths, std::string_view selector = "") {
    return choose_files(paths, "o/n", selector);
}

std::string choice_error(const std::vector<std::string>& paths, std::string_view selector = "") {
    return error_of([&] { choose(paths, selector); });
}

TEST(ChooseFiles, AFolderHasOneFormOfItsWeights) {
    std::vector<std::string> paths{".gitattributes",      "LICENSE.txt",
                                   "README.md",           "USE_POLICY.md",
                                   "chat_template.jinja", "config.json",
                                   "flax_model.msgpack",  "generation_config.json",
                                   "image.png",           "model.safetensors",
                                   "onnx/model.onnx",     "original/consolidated.00.pth",
                                   "pytorch_model.bin",   "pytorch_model.bin.index.json",
                                   "tokenizer.json",      "tokenizer.model",
                                   "training_args.bin"};
    ModelFiles files = choose(paths);
    EXPECT_EQ(files.entry, "");
    EXPECT_THAT(files.paths,
                ElementsAre("LICENSE.txt", "README.md", "USE_POLICY.md", "chat_template.jinja", "config.json",
                            "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer.model"));
}

TEST(ChooseFiles, ShardsComeWithTheirIndex) {
    std::vector<std::string> paths{"config.json",
                                   "model-00001-of-00002.safetensors",
                                   "model-00002-of-00002.safetensors",
                                   "model.safetensors.index.json",
                                   "pytorch_model-00001-of-00001.bin",
                                   "pytorch_model.bin.index.json"};
    EXPECT_THAT(choose(paths).paths, ElementsAre("config.json", "model-00001-of-00002.safetensors",
                                                 "model-00002-of-00002.safetensors", "model.safetensors.index.json"));
    paths.erase(paths.begin() + 1);
    EXPECT_THAT(choose(paths).paths,
                ElementsAre("config.json", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"));
}

TEST(ChooseFiles, OlderFormsAreTakenWhereThereIsNoOther) {
    EXPECT_THAT(choose({"config.json", "pytorch_model.bin", "x.gguf"}).paths,
                ElementsAre("config.json", "pytorch_model.bin"));
    EXPECT_THAT(choose({"consolidated.00.pth", "consolidated.01.pth", "params.json", "tokenizer.model"}).paths,
                ElementsAre("consolidated.00.pth", "consolidated.01.pth", "params.json", "tokenizer.model"));
    EXPECT_THAT(choose({"adapter_config.json", "adapter_model.safetensors"}).paths,
                ElementsAre("adapter_config.json", "adapter_model.safetensors"));
}

const std::vector<std::string> ggufs{"BF16/m-BF16-00001-of-00002.gguf",
                                     "BF16/m-BF16-00002-of-00002.gguf",
                                     "README.md",
                                     "config.json",
                                     "m-IQ4_XS.gguf",
                                     "m-Q4_K_M.gguf",
                                     "m-Q4_K_S.gguf",
                                     "m-UD-Q4_K_M.gguf",
                                     "m.q8_0.gguf",
                                     "mmproj-m-F16.gguf"};

TEST(ChooseFiles, ARepositoryOfGgufFilesStandsForQ4_K_M) {
    ModelFiles files = choose(ggufs);
    EXPECT_EQ(files.entry, "m-Q4_K_M.gguf");
    EXPECT_THAT(files.paths, ElementsAre("README.md", "m-Q4_K_M.gguf"));
    EXPECT_EQ(choose({"only-Q2_K.gguf", "mmproj.gguf", "imatrix.gguf"}).entry, "only-Q2_K.gguf");
    EXPECT_THAT(choice_error({"a-Q2_K.gguf", "a-Q8_0.gguf"}),
                HasSubstr("o/n has no GGUF file of type Q4_K_M; ask for one of: a-Q2_K.gguf, a-Q8_0.gguf"));
}

TEST(ChooseFiles, ATypeIsFoundInAnyCaseAndNotInsideAnother) {
    EXPECT_EQ(choose(ggufs, "q4_k_s").entry, "m-Q4_K_S.gguf");
    EXPECT_EQ(choose(ggufs, "Q8_0").entry, "m.q8_0.gguf");
    EXPECT_EQ(choose(ggufs, "IQ4_XS").entry, "m-IQ4_XS.gguf");
    EXPECT_EQ(choose(ggufs, "UD-Q4_K_M").entry, "m-UD-Q4_K_M.gguf");
    EXPECT_EQ(choose({"m_Q4_K_M_imat.gguf"}, "q4_k_m").entry, "m_Q4_K_M_imat.gguf");
    EXPECT_THAT(choice_error(ggufs, "q4_k"), HasSubstr("no GGUF file of type q4_k"));
    EXPECT_THAT(choice_error(ggufs, "f16"), HasSubstr("no GGUF file of type f16"));
    EXPECT_THAT(choice_error({"a-Q4_0.gguf", "b-Q4_0.gguf"}, "q4_0"), HasSubstr("several GGUF files of type q4_0"));
    EXPECT_THAT(choice_error({"model.safetensors"}, "q4_0"), HasSubstr("o/n has no GGUF files"));
}

TEST(ChooseFiles, SplitFilesAreTakenWhole) {
    ModelFiles files = choose(ggufs, "bf16");
    EXPECT_EQ(files.entry, "BF16/m-BF16-00001-of-00002.gguf");
    EXPECT_THAT(files.paths,
                ElementsAre("BF16/m-BF16-00001-of-00002.gguf", "BF16/m-BF16-00002-of-00002.gguf", "README.md"));
    EXPECT_THAT(choose(ggufs, "BF16/m-BF16-00002-of-00002.gguf").paths,
                ElementsAre("BF16/m-BF16-00001-of-00002.gguf", "BF16/m-BF16-00002-of-00002.gguf"));
    EXPECT_THAT(choice_error({"m-00002-of-00002.gguf"}, "m-00002-of-00002.gguf"), HasSubstr("only 1 of the 2 files"));
    EXPECT_THAT(choice_error({"m-Q4_0-00001-of-00002.gguf"}), HasSubstr("no weights that can be read"));
}

TEST(ChooseFiles, AFileIsTakenExactly) {
    EXPECT_THAT(choose(ggufs, "config.json").paths, ElementsAre("config.json"));
    EXPECT_THAT(choice_error(ggufs, "missing.gguf"), HasSubstr("o/n has no file 'missing.gguf'"));
    EXPECT_THAT(choice_error({"a.txt"}), HasSubstr("no weights that can be read"));
}

TEST(GgufType, IsInTheNameOrTheFolder) {
    EXPECT_EQ(gguf_type_of("a/Llama-3.2-1B-Instruct-Q4_K_M-00001-of-00002.gguf"), "Q4_K_M");
    EXPECT_EQ(gguf_type_of("Q6_K/model.gguf"), "Q6_K");
    EXPECT_EQ(gguf_type_of("m.iq2_xxs.gguf"), "IQ2_XXS");
    EXPECT_EQ(gguf_type_of("m.gguf"), "");
}

}  // namespace
}  // namespace puna
