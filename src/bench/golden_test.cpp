#include "bench/golden.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

using testing::HasSubstr;

const std::filesystem::path tiny = "tests/golden/tiny";

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, EveryKernelTableMatchesTheReference) {
    std::filesystem::path folder = GetParam();
    if (folder.string().starts_with("../shared") && !std::filesystem::exists(folder))
        GTEST_SKIP() << folder.string() << " is missing";
    std::vector<GoldenRow> rows = check_golden(folder);
    EXPECT_GE(rows.size(), 2 * 7 * available_kernels().size() - 7);
    for (const GoldenRow& row : rows)
        EXPECT_LE(row.error, row.tolerance) << row.kernels << " " << row.type << " " << row.what;
}

INSTANTIATE_TEST_SUITE_P(Tiny, Golden, testing::Values("tests/golden/tiny"));
INSTANTIATE_TEST_SUITE_P(Folders, Golden,
                         testing::Values("../shared/golden/tiny3", "../shared/golden/tiny31",
                                         "../shared/golden/tinytied", "../shared/golden/small3"));

class DamagedGolden : public testing::Test {
 protected:
    void SetUp() override {
        std::filesystem::copy(tiny / "hf", folder_ / "hf", std::filesystem::copy_options::recursive);
        write_file(folder_ / "golden.json", read_text(tiny / "golden.json"));
    }

    // The error for a folder with this tensor replaced, or with this golden.json.
    std::string error_with_tensor(const std::string& name, Tensor tensor) {
        SafetensorsFile file(tiny / "golden.safetensors");
        std::vector<NamedTensor> tensors;
        for (const TensorEntry& entry : file.entries())
            tensors.push_back({std::string(entry.name), entry.name == name ? tensor : file.tensor(entry)});
        write_safetensors(folder_ / "golden.safetensors", tensors);
        return error();
    }
    std::string error_with_json(std::string_view json) {
        std::filesystem::copy(tiny / "golden.safetensors", folder_.path(),
                              std::filesystem::copy_options::overwrite_existing);
        write_file(folder_ / "golden.json", json);
        return error();
    }

    Tensor tensor(Dtype type, std::initializer_list<int64_t> sizes) {
        Tensor result(values_.data(), type, sizes);
        check(result.bytes() <= std::ssize(values_) * 4, "{} is too large for this test", result);
        return result;
    }

    std::vector<int32_t> values_ = std::vector<int32_t>(2 * 32 * 62);
    TestFolder folder_;

 private:
    std::string error() {
        return error_of([&] { check_golden(folder_.path(), *find_kernels("scalar"), Dtype::f32); });
    }
};

TEST_F(DamagedGolden, TensorsOfAnotherTypeOrShapeAreRejectedByName) {
    struct Damage {
        const char* name;
        Dtype type;
        std::initializer_list<int64_t> sizes;
        const char* required;
    };
    for (const Damage& d :
         {Damage{"tokens", Dtype::i32, {0, 5}, "i32 [rows, length + 1]"},
          Damage{"tokens", Dtype::i32, {2, 1}, "i32 [rows, length + 1]"},
          Damage{"tokens", Dtype::i64, {2, 33}, "i32 [rows, length + 1]"},
          Damage{"packed.starts", Dtype::i32, {1}, "i32 [2, 32]"},
          Damage{"packed.starts", Dtype::f32, {2, 32}, "i32 [2, 32]"}, Damage{"loss", Dtype::f32, {0}, "f32 [1]"},
          Damage{"loss", Dtype::i32, {1}, "f32 [1]"}, Damage{"logits", Dtype::f32, {2, 32, 61}, "f32 [2, 32, 62]"},
          Damage{"logits", Dtype::f16, {2, 32, 62}, "f32 [2, 32, 62]"},
          Damage{"packed.logits", Dtype::f32, {64, 62}, "f32 [2, 32, 62]"},
          Damage{"grad.norm.weight", Dtype::f32, {23}, "f32 [24]"},
          Damage{"grad.layers.0.attention.wq.weight", Dtype::f32, {24, 23}, "f32 [24, 24]"},
          Damage{"adamw.losses", Dtype::f32, {9}, "f32 [10]"},
          Damage{"adamw.grad_norms", Dtype::bf16, {10}, "f32 [10]"},
          Damage{"adamw.logits", Dtype::f32, {0}, "f32 [2, 32, 62]"}}) {
        Tensor is = tensor(d.type, d.sizes);
        std::string message = error_with_tensor(d.name, is);
        EXPECT_THAT(message, HasSubstr(fmt::format("golden.safetensors: '{}' is {}, not {}", d.name, is, d.required)));
    }
}

TEST_F(DamagedGolden, InvalidValuesAreRejectedByName) {
    for (int32_t id : {5000, -1, 62}) {
        values_[3] = id;
        std::string message = error_with_tensor("tokens", tensor(Dtype::i32, {2, 33}));
        EXPECT_THAT(message,
                    HasSubstr(fmt::format("golden.safetensors: 'tokens' contains id {}, but ids are 0 to 61", id)));
    }
    for (float x : {NAN, INFINITY}) {
        values_[3] = std::bit_cast<int32_t>(x);
        std::string message = error_with_tensor("adamw.losses", tensor(Dtype::f32, {10}));
        EXPECT_THAT(message, HasSubstr("golden.safetensors: 'adamw.losses' contains a non-finite value"));
    }
}

TEST_F(DamagedGolden, EmptyOrInvalidListsAreRejected) {
    for (const char* json : {"{}", R"({"tokens": "", "packed.starts": ""})"})
        EXPECT_THAT(error_with_json(json), HasSubstr("golden.json: lists nothing to compare")) << json;
    for (const char* json : {"[]", R"("logits")", "null"})
        EXPECT_THAT(error_with_json(json), HasSubstr("golden.json: not a JSON object")) << json;
    EXPECT_THAT(error_with_json(R"({"logit": ""})"), HasSubstr("golden.json lists 'logit'"));
}

}  // namespace
}  // namespace puna
