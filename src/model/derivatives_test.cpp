// Configurations and rotary frequencies of well-known descendants of Llama, which others have measured.
#include "core/json_document.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "model/initialize.h"
#include "model/load.h"
#include "model/test_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

namespace puna {
namespace {

using testing::HasSubstr;

// A text with one JSON object a line.
template <class F>
void for_each_line(const std::filesystem::path& path, F f) {
    std::string text = read_text(path);
    for (size_t begin = 0, end; begin < text.size(); begin = end + 1) {
        end = std::min(text.find('\n', begin), text.size());
        JsonDocument document(std::string_view(text).substr(begin, end - begin), path.string());
        f(document.root());
    }
}

// Within 1e-7 and 2e-6 of it, what transformers itself reaches.
void expect_near(double value, double expected, const std::string& name) {
    EXPECT_LE(std::abs(value - expected), 1e-7) << name << ": " << value << ", expected " << expected;
    EXPECT_LE(std::abs(value / expected - 1), 2e-6) << name << ": " << value << ", expected " << expected;
}

TEST(Derivatives, RotaryFrequenciesAreThoseOfTheReference) {
    std::filesystem::path file = "../shared/derivatives/rope_cases.jsonl";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << file.string() << " is missing";
    int cases = 0;
    for_each_line(file, [&](JsonNode expected) {
        std::string name = expected.text("name", "");
        for (bool again : {false, true}) {
            Config config = parse_config(expected.need("config").raw(), name);
            if (again) config = parse_config(config_json(config, Dtype::f32), name + ", written and read");
            RotaryFrequencies rotary = rotary_frequencies(config, expected.integer("seq_len", 0));
            ASSERT_EQ(std::ssize(rotary.values), expected.integer("count", 0)) << name;
            for (const JsonMember& at : expected.need("at").members())
                expect_near(static_cast<double>(rotary.values.at(std::stoul(at.name))), at.value.number(), name);
            expect_near(static_cast<double>(rotary.attention_factor), expected.number("attention_factor", 0), name);
            double sum = 0;
            for (float value : rotary.values) sum += static_cast<double>(value);
            EXPECT_NEAR(sum, expected.number("sum", 0), 1e-6) << name;
        }
        ++cases;
    });
    EXPECT_EQ(cases, 17);
}

TEST(Derivatives, HaveTheirParameterCounts) {
    std::filesystem::path file = "../shared/derivatives/derivatives.jsonl";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << file.string() << " is missing";
    int counted = 0, refused = 0;
    for_each_line(file, [&](JsonNode record) {
        std::string name = record.text("name", "");
        bool is_model = name.find("draft") == name.npos;
        std::string problem = error_of([&] {
            Config config = parse_config(record.need("config").raw(), name);
            if (!record.find("parameters")) return;
            EXPECT_EQ(parameter_count(config), record.integer("parameters", 0)) << name;
            EXPECT_EQ(config.context, record.integer("max_context", config.context)) << name;
            EXPECT_EQ(config.head_dim, record.integer("head_dim", 0)) << name;
            std::string kind = config.rope_scaling ? std::string(name_of(config.rope_scaling->kind)) : "default";
            if (std::optional<JsonNode> rope = record.find("rope")) {
                EXPECT_EQ(kind, rope->text("kind", "")) << name;
                EXPECT_EQ(config.rope_theta, rope->number("theta", 0)) << name;
            }
            ++counted;
        });
        std::string_view expected = is_model                           ? "no error"
                                    : name == "EAGLE draft of Mixtral" ? "model_type is 'mixtral'"
                                                                       : "draft head";
        EXPECT_THAT(problem, HasSubstr(expected)) << name;
        refused += !is_model;
    });
    EXPECT_EQ(counted, 60);
    EXPECT_EQ(refused, 2);
}

// OpenLLaMA 3B has heads of 100, Falcon 3 of 256; Minitron's are wider than the model.
TEST(Derivatives, HeadsOfUnusualSizesGiveTheReferencesLogits) {
    for (int64_t head_dim : {48, 52, 80, 100, 256}) {
        Config config = small_config(false);
        config.head_dim = head_dim;
        Llama llama = seeded_llama(choose_kernels(), config, 3, {}),
              reference = seeded_llama(*find_kernels("scalar"), config, 3, {});
        std::vector<float> logits = logits_of(llama), expected = logits_of(reference);
        ASSERT_EQ(logits.size(), expected.size());
        for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], expected[i], 1e-4) << head_dim;
    }
}

// Sizes that no K-quant's blocks divide, and vocabularies that nothing divides.
TEST(Derivatives, PlansOfTheirSizesHaveWholeBlocks) {
    Config config = small_config(true);
    config.dim = 3200;  // OpenLLaMA 3B
    config.layers = 1;
    config.heads = config.kv_heads = 32;
    config.head_dim = 100;
    config.ffn = 8640;
    config.vocabulary = 32003;
    std::vector<HeldWeight> weights = planned_weights(config, Dtype::q4_K);
    EXPECT_EQ(weights[0].bytes, int64_t{32003} * 13 * 144) << "12.5 blocks of 256 a row";
    EXPECT_EQ(planned_weights(config, Dtype::q8_0)[0].bytes, int64_t{32003} * 100 * 34);
}

}  // namespace
}  // namespace puna
