#include "library/convert.h"

#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "core/threads.h"
#include "files/gguf.h"
#include "library/lineage.h"
#include "model/load.h"
#include "model/test_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace puna {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

const fs::path starter = "models/starter";

class Convert : public testing::Test {
 protected:
    fs::path convert(const fs::path& from, const char* name, ModelForm form, ConvertOptions options = {}) {
        fs::path to = folder_ / name;
        convert_model(*open_model(from), to, form, options);
        return to;
    }
    static std::vector<float> logits(const fs::path& model) {
        Llama llama = load_llama(choose_kernels(), model, {});
        return logits_of(llama);
    }
    TestFolder folder_;
};

TEST_F(Convert, FromMetaOverHuggingFaceAndGgufBackTheFilesAreTheSame) {
    fs::path meta = convert(starter, "meta", ModelForm::meta), first = convert(meta, "first", ModelForm::huggingface),
             gguf = convert(first, "x.gguf", ModelForm::gguf), second = convert(gguf, "second", ModelForm::huggingface);
    for (const char* name : {"model.safetensors", "config.json", "tokenizer.json", "generation_config.json"})
        EXPECT_EQ(read_text(first / name), read_text(second / name)) << name;
    EXPECT_EQ(logits(first), logits(starter));
    EXPECT_EQ(logits(gguf), logits(starter));
    EXPECT_EQ(logits(meta), logits(starter));
    EXPECT_EQ(read_text(convert(second, "again", ModelForm::meta) / "consolidated.00.pth"),
              read_text(meta / "consolidated.00.pth"));
}

TEST_F(Convert, AGgufFileHasNormsInF32AndTheMatricesInTheTypeAskedFor) {
    GgufFile file(convert(starter, "x.gguf", ModelForm::gguf, {.type = Dtype::f16}));
    for (const TensorEntry& entry : file.entries())
        EXPECT_EQ(entry.dtype, entry.name.find("norm") != entry.name.npos ? Dtype::f32 : Dtype::f16) << entry.name;
    EXPECT_EQ(file.integer("general.file_type"), 1);
    EXPECT_EQ(file.text("general.architecture"), "llama");
}

TEST_F(Convert, TextBecomesTheSameTokensInEveryFormat) {
    std::string text = "Once upon a time, there was a caf\u00e9 <|eot_id|> 123  4";
    std::vector<int32_t> ids = open_model(starter)->tokenizer().encode(text);
    for (ModelForm form : {ModelForm::huggingface, ModelForm::gguf, ModelForm::meta}) {
        fs::path model = convert(starter,
                                 form == ModelForm::gguf   ? "m.gguf"
                                 : form == ModelForm::meta ? "m"
                                                           : "h",
                                 form);
        EXPECT_EQ(open_model(model)->tokenizer().encode(text), ids) << model;
    }
}

TEST_F(Convert, QuantizedWeightsAreConvertedToo) {
    const fs::path quantized = "../shared/golden/small3/gguf/small3-Q4_K_M.gguf";
    if (!fs::exists(quantized)) GTEST_SKIP() << quantized << " is missing";
    fs::path exact = convert(quantized, "f32", ModelForm::huggingface, {.type = Dtype::f32});
    std::vector<float> wanted = logits(quantized), got = logits(exact);
    for (size_t i = 0; i < wanted.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 2e-5);
    EXPECT_EQ(load_config(exact).dim, load_config(quantized).dim);
}

TEST_F(Convert, TheCardAndItsLicenseGoAlong) {
    EXPECT_EQ(read_text(convert(starter, "h", ModelForm::huggingface) / "README.md"), read_text(starter / "README.md"));
    fs::path gguf = convert(starter, "x.gguf", ModelForm::gguf);
    EXPECT_EQ(card_of_model(gguf).license, "apache-2.0");
    EXPECT_EQ(card_of_model(convert(gguf, "back", ModelForm::huggingface)).license, "apache-2.0");
}

TEST_F(Convert, AFileThatShrinksMeanwhileIsNamedAndNothingIsLeft) {
    recover_lost_pages();
    for (std::optional<Dtype> type : {std::optional<Dtype>(), std::optional(Dtype::f16)})  // as they are, converted
        for (ModelForm form : {ModelForm::huggingface, ModelForm::gguf}) {
            fs::path from = folder_ / "from";
            fs::copy(starter, from, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
            std::shared_ptr<ModelSource> source = open_model(from);
            fs::resize_file(from / "model.safetensors", 100'000);
            EXPECT_EQ(error_of([&] { convert_model(*source, folder_ / "to", form, {.type = type}); }),
                      (from / "model.safetensors").string() + ": " + changed_in_use);
            EXPECT_FALSE(fs::exists(folder_ / "to"));
        }
}

TEST_F(Convert, NoLayerIsLostWithoutAWord) {
    fs::path model = folder_ / "model";
    fs::copy(starter, model, fs::copy_options::recursive);
    int64_t layers = load_config(model).layers;
    std::string json = read_text(model / "config.json"), field = fmt::format("\"num_hidden_layers\": {}", layers);
    ASSERT_NE(json.find(field), json.npos);
    write_file(model / "config.json",
               json.replace(json.find(field), field.size(), fmt::format("\"num_hidden_layers\": {}", layers - 1)));
    EXPECT_THAT(error_of([&] { convert(model, "x.gguf", ModelForm::gguf); }),
                HasSubstr(fmt::format("has tensor model.layers.{}.self_attn.q_proj.weight", layers - 1)));
    EXPECT_FALSE(fs::exists(folder_ / "x.gguf"));
}

TEST_F(Convert, TheNumberOfThreadsChangesNeitherBytesNorErrors) {
    fs::path damaged = folder_ / "damaged";
    fs::copy(starter, damaged, fs::copy_options::recursive);
    std::string weights = read_text(damaged / "model.safetensors");
    write_file(damaged / "model.safetensors", weights.replace(weights.size() / 3, weights.size() / 2,
                                                              std::string(weights.size() / 2, '\xff')));  // many nan
    std::set<std::string> files, errors;
    for (int n : {1, 2, 7}) {
        set_threads(n);
        files.insert(read_text(convert(starter, "x.gguf", ModelForm::gguf, {.type = Dtype::f16, .force = true})));
        for (int i = 0; i < 5; ++i)
            errors.insert(error_of([&] { convert(damaged, "y", ModelForm::gguf, {.type = Dtype::f16}); }));
    }
    set_threads(0);
    EXPECT_EQ(files.size(), 1u);
    ASSERT_EQ(errors.size(), 1u) << testing::PrintToString(errors);
    EXPECT_THAT(*errors.begin(), testing::AllOf(HasSubstr("/damaged: tensor model."),
                                                HasSubstr("nan: the weights are damaged, download")));
    EXPECT_FALSE(fs::exists(folder_ / "y"));
}

TEST_F(Convert, NothingIsOverwrittenAndNothingIsLeftOfAFailure) {
    fs::path out = convert(starter, "x.gguf", ModelForm::gguf);
    std::string before = read_text(out);
    EXPECT_THAT(error_of([&] { convert(starter, "x.gguf", ModelForm::gguf); }), HasSubstr("x.gguf: already exists"));
    EXPECT_THAT(error_of([&] { convert(starter, "y", ModelForm::gguf, {.type = Dtype::q8_0}); }),
                HasSubstr("quantize"));
    convert(starter, "x.gguf", ModelForm::gguf, {.force = true});
    fs::path folder = convert(starter, "f", ModelForm::meta);
    write_file(folder / "notes.txt", "mine");
    EXPECT_THAT(error_of([&] { convert(starter, "f", ModelForm::meta, {.force = true}); }),
                HasSubstr("is not a model's"));
    fs::remove_all(folder);
    EXPECT_EQ(read_text(out), before);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
}

}  // namespace
}  // namespace puna
