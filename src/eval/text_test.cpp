#include "eval/text.h"

#include "infer/fake_model.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace puna {
namespace {

using Texts = std::vector<std::string_view>;

std::string sample_text(int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += static_cast<char>('a' + i * i % 23);
    return text;
}

TEST(EvalText, SeparatorLinesSplitDocuments) {
    EXPECT_EQ(split_documents("one\ntwo\n<|endoftext|>\nthree\n"), (Texts{"one\ntwo", "three\n"}));
    EXPECT_EQ(split_documents("a\n<|endoftext|>\n<|endoftext|>\n\n<|endoftext|>\nb\n<|endoftext|>"), (Texts{"a", "b"}));
    EXPECT_EQ(split_documents("a<|endoftext|>\n<|endoftext|>b"), (Texts{"a<|endoftext|>\n<|endoftext|>b"}));
    EXPECT_EQ(split_documents("<|endoftext|>\na"), (Texts{"a"}));
    EXPECT_EQ(split_documents("a cat\r\n<|endoftext|>\r\na dog\r\n"), (Texts{"a cat", "a dog\r\n"}));
    EXPECT_TRUE(split_documents("").empty());
}

TEST(EvalText, UniformModelScoresLog2Vocab) {
    Llama llama = fake_llama();
    for (float& weight : llama.output.weight.weight.span<float>()) weight = 0;
    Engine engine(std::move(llama), fake_tokenizer());
    TextScore score = score_text(engine, "hello\n<|endoftext|>\nyou\n");
    EXPECT_EQ(score.documents, 2);
    EXPECT_EQ(score.bytes, 9);
    EXPECT_EQ(score.tokens, 9);
    EXPECT_NEAR(score.perplexity(), 272, 1e-3);
    EXPECT_NEAR(score.bits_per_byte(), std::log2(272), 1e-6);
}

TEST(EvalText, EveryTokenIsPredictedOnceFromItsWindow) {
    std::string text = sample_text(50);
    Engine engine(fake_llama(), fake_tokenizer(), {.context = 21});
    double nats = 0;
    for (size_t at = 0; at < text.size(); at += 20) {
        std::vector<int32_t> tokens{256};
        for (unsigned char byte : text.substr(at, 20)) tokens.push_back(byte);
        for (float log_p : engine.score(tokens, 1)) nats -= static_cast<double>(log_p);
    }
    Engine fresh(fake_llama(), fake_tokenizer(), {.context = 21});
    TextScore score = score_text(fresh, text);
    EXPECT_EQ(score.tokens, 50);
    EXPECT_DOUBLE_EQ(score.nats, nats);
}

TEST(EvalText, EachWindowOfADocumentIsReported) {
    Engine engine(fake_llama(), fake_tokenizer(), {.context = 21}),
        twin(fake_llama(), fake_tokenizer(), {.context = 21});
    std::vector<int64_t> scored;
    auto on_scored = [&](int64_t bytes) { scored.push_back(bytes); };
    score_text(engine, sample_text(50), on_scored);
    EXPECT_EQ(scored, (std::vector<int64_t>{20, 20, 10}));
    compare_on_text(engine, twin, sample_text(30), on_scored);
    EXPECT_EQ(scored, (std::vector<int64_t>{20, 20, 10, 20, 10}));
}

TEST(EvalText, WithoutABeginOfTextTheFirstTokenOfADocumentIsNotCounted) {
    std::string text = sample_text(50);
    Vocabulary vocabulary = fake_tokenizer().vocabulary();
    vocabulary.begin_of_text = TextToken{};
    Engine engine(fake_llama(), Tokenizer(vocabulary), {.context = 21});
    double nats = 0;
    for (size_t at = 0; at + 1 < text.size(); at += 20) {
        std::vector<int32_t> tokens;
        for (unsigned char byte : text.substr(at, 21)) tokens.push_back(byte);
        for (float log_p : engine.score(tokens, 1)) nats -= static_cast<double>(log_p);
    }
    Engine fresh(fake_llama(), Tokenizer(vocabulary), {.context = 21});
    TextScore score = score_text(fresh, text + "\n<|endoftext|>\na");
    EXPECT_EQ(score.documents, 2);
    EXPECT_EQ(score.tokens, 49);
    EXPECT_EQ(score.bytes, 49);
    EXPECT_DOUBLE_EQ(score.nats, nats);
}

TEST(EvalText, DivergenceFromItselfIsZero) {
    Engine engine(fake_llama(), fake_tokenizer()), twin(fake_llama(), fake_tokenizer());
    TextScore score = compare_on_text(engine, twin, sample_text(200));
    EXPECT_EQ(score.divergence, 0);
    EXPECT_EQ(score.top1_agreement, 1);
    EXPECT_DOUBLE_EQ(score.nats, score_text(engine, sample_text(200)).nats);
}

// Against the definition, over all logits at once.
TEST(EvalText, DivergenceMatchesItsDefinition) {
    std::string text = sample_text(150);
    Engine engine(fake_llama(1), fake_tokenizer()), reference(fake_llama(2), fake_tokenizer());
    std::vector<int32_t> tokens{256};
    for (unsigned char byte : text) tokens.push_back(byte);
    auto probabilities = [&](Engine& e) {
        std::vector<std::vector<double>> rows;
        for (int64_t from = 1; from < 151; from += max_logit_rows) {
            std::vector<int32_t> part(tokens.begin(), tokens.begin() + std::min<int64_t>(151, from + max_logit_rows));
            Answer answer = e.score_with_logits(part, from);
            for (size_t row = 0; row < answer.log_p.size(); ++row) {
                std::vector<double>& p = rows.emplace_back();
                double sum = 0;
                for (size_t i = 0; i < 272; ++i)
                    sum += p.emplace_back(std::exp(static_cast<double>(answer.logits[row * 272 + i])));
                for (double& value : p) value /= sum;
            }
        }
        return rows;
    };
    std::vector<std::vector<double>> q = probabilities(engine), p = probabilities(reference);
    double divergence = 0, same = 0;
    for (size_t row = 0; row < p.size(); ++row) {
        for (size_t i = 0; i < 272; ++i) divergence += p[row][i] * std::log(p[row][i] / q[row][i]) / 150;
        same += (std::max_element(p[row].begin(), p[row].end()) - p[row].begin() ==
                 std::max_element(q[row].begin(), q[row].end()) - q[row].begin()) /
                150.0;
    }
    TextScore score = compare_on_text(engine, reference, text);
    EXPECT_GT(divergence, 0.1);
    EXPECT_NEAR(score.divergence, divergence, 1e-6);
    EXPECT_NEAR(score.top1_agreement, same, 1e-9);
}

// The same model with `more` unused rows in its embedding and output, as padding to a multiple gives.
Llama padded_llama(int64_t more) {
    Llama llama = fake_llama();
    Config config = llama.config;
    config.vocabulary += more;
    Llama padded = seeded_llama(choose_kernels(), config, 1, {});
    std::vector<Param*> from = llama.params(), into = padded.params();
    for (size_t i = 0; i < from.size(); ++i) {
        std::span<float> values = from[i]->weight.span<float>();
        std::copy(values.begin(), values.end(), into[i]->weight.span<float>().begin());
    }
    return padded;
}

TEST(EvalText, ModelsWithAPaddedEmbeddingAreCompared) {
    Engine engine(fake_llama(), fake_tokenizer()), padded(padded_llama(16), fake_tokenizer());
    std::string text = sample_text(200);
    EXPECT_NEAR(compare_on_text(engine, padded, text).divergence, 0, 1e-9);
    EXPECT_NEAR(compare_on_text(padded, engine, text).divergence, 0, 1e-9);
    EXPECT_EQ(compare_on_text(padded, engine, text).top1_agreement, 1);
}

TEST(EvalText, UnscorableInputIsAnError) {
    Engine engine(fake_llama(), fake_tokenizer()), narrow(fake_llama(), fake_tokenizer(), {.context = 1});
    EXPECT_THROW(score_text(engine, ""), Error);
    EXPECT_THROW(score_text(engine, "<|endoftext|>\n"), Error);
    EXPECT_THROW(score_text(narrow, "a"), Error);
    Llama damaged = fake_llama();
    damaged.norm.weight.span<float>()[0] = NAN;
    Engine broken(std::move(damaged), fake_tokenizer());
    EXPECT_THROW(score_text(broken, "abc"), Error);
}

}  // namespace
}  // namespace puna
