#include "infer/engine.h"

#include "core/test_error.h"
#include "core/threads.h"
#include "infer/fake_model.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::Gt;
using testing::HasSubstr;
using testing::Lt;
using testing::StartsWith;

std::vector<int32_t> prompt_of(int n, int32_t seed = 0) {
    std::vector<int32_t> ids{256};
    for (int32_t i = 1; i < n; ++i) ids.push_back((i * 37 + seed) % 256);
    return ids;
}

GenerateOptions greedy(int64_t n) { return {.sample = {.temperature = 0}, .max_tokens = n}; }
GenerateOptions sampled(int64_t n, int64_t seed) {
    return {.sample = {.temperature = 1, .top_p = 1, .seed = seed}, .max_tokens = n};
}

// Waits until the engine takes a request.
Reply submit_when_free(Engine& engine, const Request& request) {
    while (true) try {
            return engine.submit(request);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind, ErrorKind::busy);
        }
}

TEST(Engine, GeneratesUntilMaxTokens) {
    Engine engine(fake_llama(), fake_tokenizer());
    std::string streamed;
    Answer answer = engine.generate(prompt_of(10), greedy(20), [&](std::string_view text) {
        streamed += text;
        return true;
    });
    EXPECT_EQ(answer.ids.size(), 20u);
    EXPECT_EQ(answer.finish, Finish::length);
    EXPECT_EQ(answer.prompt_tokens, 10);
    EXPECT_EQ(streamed, answer.text);
    EXPECT_GT(answer.tokens_per_second(), 0);
}

TEST(Engine, StopTokenEndsTheAnswerAndIsExcluded) {
    Engine engine(fake_llama(), fake_tokenizer());
    int32_t second = engine.generate(prompt_of(10), greedy(2)).ids[1];
    Engine stopping(fake_llama(), fake_tokenizer(), {}, {}, {second});
    Answer answer = stopping.generate(prompt_of(10), greedy(20));
    EXPECT_EQ(answer.finish, Finish::stop);
    EXPECT_EQ(answer.ids.size(), 1u);
    EXPECT_TRUE(engine.is_stop(257));  // of config.json
    EXPECT_TRUE(engine.is_stop(261));  // <|eot_id|>
    EXPECT_FALSE(engine.is_stop(256));
}

TEST(Engine, StopStringEndsTheAnswer) {
    Engine engine(fake_llama(), fake_tokenizer());
    std::string text = engine.generate(prompt_of(10), greedy(30)).text;
    GenerateOptions options = greedy(30);
    options.stop = {text.substr(text.size() / 2)};
    Answer answer = engine.generate(prompt_of(10), options);
    EXPECT_EQ(answer.finish, Finish::stop);
    EXPECT_EQ(answer.text, text.substr(0, text.find(options.stop[0])));
}

TEST(Engine, LengthPenaltyEndsTheAnswer) {
    Engine engine(fake_llama(), fake_tokenizer());
    Request request{.tokens = prompt_of(10), .options = greedy(60)};
    std::vector<int32_t> ids = engine.submit(request).wait().ids;
    for (int32_t letter = 'a'; letter <= 'z'; ++letter)
        if (std::find(ids.begin(), ids.end(), letter) == ids.end()) request.stop_ids = {letter};
    EXPECT_EQ(engine.submit(request).wait().finish, Finish::length);
    request.options.sample.length_penalty_start = 20;
    request.options.sample.length_penalty_factor = 100;
    Answer answer = engine.submit(request).wait();
    EXPECT_EQ(answer.finish, Finish::stop);
    EXPECT_THAT(answer.ids.size(), AllOf(Gt(20u), Lt(30u)));
}

TEST(Engine, CallbackReturningFalseCancels) {
    Engine engine(fake_llama(1, 100000), fake_tokenizer(), {.context = 100000, .step_tokens = 4});
    int tokens = 0;
    Answer answer = engine.generate(prompt_of(9), greedy(90000),
                                    [&](std::string_view text) { return text.empty() || ++tokens < 5; });
    EXPECT_EQ(answer.finish, Finish::canceled);
    EXPECT_GE(answer.ids.size(), 5u);
    EXPECT_LT(answer.ids.size(), 90000u);
    EXPECT_EQ(engine.generate(prompt_of(9), greedy(20)).ids.size(), 20u);
}

TEST(Engine, CallbackIsCalledWhileAPromptIsComputed) {
    Engine engine(fake_llama(1, 100000), fake_tokenizer(), {.context = 100000, .step_tokens = 4});
    Answer answer = engine.generate(prompt_of(60000), greedy(1), [](std::string_view) { return false; });
    EXPECT_EQ(answer.finish, Finish::canceled);
    EXPECT_TRUE(answer.ids.empty());
}

TEST(Engine, ExceedingTheContextIsAnErrorWithTheSizes) {
    Engine engine(fake_llama(), fake_tokenizer(), {.context = 32});
    EXPECT_EQ(error_of([&] { engine.generate(prompt_of(20), greedy(13)); }),
              "20 prompt tokens and 13 to generate exceed the context of 32");
    EXPECT_EQ(engine.generate(prompt_of(20), greedy(12)).finish, Finish::length);
    EXPECT_EQ(error_kind_of([&] { engine.generate(prompt_of(32), greedy(0)); }), ErrorKind::too_large);
    EXPECT_EQ(error_kind_of([&] { engine.generate(prompt_of(5), greedy(INT64_MAX)); }), ErrorKind::too_large);
    EXPECT_EQ(error_kind_of([&] { engine.score(prompt_of(33), 1); }), ErrorKind::too_large);
}

TEST(Engine, WithoutMaxTokensTheAnswerEndsWithTheContext) {
    Engine engine(fake_llama(), fake_tokenizer(), {.context = 32});
    Answer answer = engine.generate(prompt_of(20), greedy(0));
    EXPECT_EQ(answer.finish, Finish::context);
    EXPECT_EQ(answer.ids.size(), 12u);
}

TEST(Engine, BatchedAnswersEqualThoseGeneratedAlone) {
    std::vector<std::vector<int32_t>> prompts = {prompt_of(3), prompt_of(40, 5), prompt_of(17, 9), prompt_of(1)};
    auto options_of = [](size_t i) {
        GenerateOptions options = sampled(25, 3 + static_cast<int64_t>(i));
        options.sample.dry_multiplier = i % 2 == 0 ? 0.0f : 10.0f;
        options.sample.dry_allowed_length = 1;
        return options;
    };
    Engine engine(fake_llama(), fake_tokenizer(), {.sequences = 3, .step_tokens = 8});
    std::vector<Reply> replies;
    for (size_t i = 0; i < prompts.size(); ++i)
        replies.push_back(engine.submit({.tokens = prompts[i], .options = options_of(i)}));
    for (size_t i = 0; i < prompts.size(); ++i) {
        Engine fresh(fake_llama(), fake_tokenizer());
        EXPECT_EQ(replies[i].wait().ids, fresh.generate(prompts[i], options_of(i)).ids) << i;
    }
}

// All logits of a text.
std::vector<float> logits_of(Engine& engine, const std::vector<int32_t>& tokens) {
    std::vector<float> all;
    for (int64_t from = 1, n = std::ssize(tokens); from < n; from += max_logit_rows) {
        std::vector<int32_t> part(tokens.begin(), tokens.begin() + std::min(n, from + max_logit_rows));
        std::vector<float> rows = engine.score_with_logits(part, from).logits;
        all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
}

// In steps of `step_tokens` tokens on `n_threads` threads.
std::vector<float> logits_of_prompt(int64_t step_tokens, int n_threads) {
    set_threads(n_threads);
    Engine engine(fake_llama(), fake_tokenizer(), {.step_tokens = step_tokens, .poison_new_pages = true});
    return logits_of(engine, prompt_of(150));
}

TEST(Engine, LogitsAreBitIdenticalForAnyStepSizeAndThreadCount) {
    std::vector<float> full = logits_of_prompt(512, 1);
    EXPECT_EQ(full.size(), 149u * 272);
    EXPECT_EQ(logits_of_prompt(7, 2), full);
    EXPECT_EQ(logits_of_prompt(1, 2), full);
    set_threads(0);
}

TEST(Engine, ScoresAreLogProbabilities) {
    Engine engine(fake_llama(), fake_tokenizer());
    std::vector<int32_t> tokens = prompt_of(100);
    std::vector<float> log_p = engine.score(tokens, 5), logits = logits_of(engine, tokens);
    ASSERT_EQ(log_p.size(), 95u);
    for (size_t i = 0; i < log_p.size(); ++i) {
        std::span<const float> row = std::span(logits).subspan((i + 4) * 272, 272);
        double sum = 0;
        for (float value : row) sum += std::exp(static_cast<double>(value));
        double expected = static_cast<double>(row[static_cast<size_t>(tokens[i + 5])]) - std::log(sum);
        EXPECT_NEAR(static_cast<double>(log_p[i]), expected, 1e-4) << i;
    }
    EXPECT_TRUE(engine.score({256}, 1).empty());
}

TEST(Engine, ScoringReusesPagesBeforeTheFirstScoredToken) {
    Engine engine(fake_llama(), fake_tokenizer());
    std::vector<int32_t> tokens = prompt_of(290);
    std::vector<float> full = engine.score(tokens, 1), chunked;
    for (int64_t from = 1; from < 290; from += 90) {
        std::vector<int32_t> part(tokens.begin(), tokens.begin() + std::min<int64_t>(from + 90, 290));
        Answer answer = engine.submit({.task = Task::score, .tokens = part, .from = from}).wait();
        chunked.insert(chunked.end(), answer.log_p.begin(), answer.log_p.end());
        EXPECT_EQ(answer.reused, (from - 1) / 64 * 64);
    }
    EXPECT_EQ(chunked, full);
}

TEST(Engine, EmbeddingsHaveUnitLengthAndDifferBetweenTexts) {
    Engine engine(fake_llama(), fake_tokenizer(), {.step_tokens = 8});
    std::vector<float> one = engine.embed(prompt_of(30)), again = engine.embed(prompt_of(30)),
                       two = engine.embed(prompt_of(30, 4));
    ASSERT_EQ(one.size(), 32u);
    EXPECT_NEAR(std::inner_product(one.begin(), one.end(), one.begin(), 0.0f), 1, 1e-5);
    EXPECT_EQ(one, again);
    EXPECT_LT(std::inner_product(one.begin(), one.end(), two.begin(), 0.0f), 0.999);
    EXPECT_THROW(engine.embed({}), Error);
}

TEST(Engine, InvalidIdsAndEmptyPromptsAreErrors) {
    Engine engine(fake_llama(), fake_tokenizer());
    EXPECT_THROW(engine.generate({}, greedy(1)), Error);
    for (int32_t id : {-1, 272}) {
        EXPECT_THROW(engine.generate(std::vector<int32_t>{256, id}, greedy(1)), Error);
        EXPECT_THROW(engine.score(std::vector<int32_t>{256, id}, 1), Error);
        EXPECT_THROW(engine.embed(std::vector<int32_t>{256, id}), Error);
    }
}

TEST(Engine, NonFiniteLogitsFailOnlyTheirOwnAnswer) {
    Llama llama = fake_llama();
    llama.tok_embeddings.weight.row<float>(7)[0] = std::numeric_limits<float>::quiet_NaN();
    Engine engine(std::move(llama), fake_tokenizer(), {.sequences = 2});
    Reply fine = engine.submit({.tokens = {256}, .options = greedy(1)}),
          broken = engine.submit({.tokens = {256, 7}, .options = greedy(1)});
    EXPECT_EQ(fine.wait().finish, Finish::length);
    EXPECT_THAT(error_of([&] { broken.wait(); }), HasSubstr("the model's logits are not finite"));
    EXPECT_EQ(broken.answer().finish, Finish::failed);
    EXPECT_EQ(broken.answer().kind, ErrorKind::damaged);
}

constexpr std::string_view nonfinite_logits = "the model's logits are not finite";

TEST(Engine, ScoresOfNonFiniteLogitsAreErrors) {
    Llama llama = fake_llama();
    llama.tok_embeddings.weight.row<float>(7)[0] = std::numeric_limits<float>::quiet_NaN();
    Engine engine(std::move(llama), fake_tokenizer());
    EXPECT_EQ(engine.score({256, 65, 7}, 1).size(), 2u) << "nothing is predicted from the last token";
    EXPECT_THAT(error_of([&] { engine.score({256, 7, 65}, 1); }), StartsWith(nonfinite_logits));
    EXPECT_EQ(error_kind_of([&] { engine.score({256, 7, 65}, 1); }), ErrorKind::damaged);
}

// One row of the output overflows: the probability of another token is finite.
TEST(Engine, ReturnedLogitsAreFinite) {
    Llama llama = fake_llama();
    std::ranges::fill(llama.output.weight.weight.slice(9, 1).span<float>(), -std::numeric_limits<float>::max());
    Engine engine(std::move(llama), fake_tokenizer());
    EXPECT_THAT(error_of([&] { engine.score_with_logits({256, 65, 66}, 1); }), StartsWith(nonfinite_logits));
}

TEST(Engine, EmbeddingsWithoutADirectionAreErrors) {
    for (float weight : {std::numeric_limits<float>::quiet_NaN(), 0.0f}) {
        Llama llama = fake_llama();
        std::ranges::fill(llama.norm.weight.span<float>(), weight);
        Engine engine(std::move(llama), fake_tokenizer());
        EXPECT_THAT(error_of([&] { engine.embed(prompt_of(5)); }), StartsWith("the embedding is not finite: "));
        EXPECT_EQ(error_kind_of([&] { engine.embed(prompt_of(5)); }), ErrorKind::damaged);
    }
}

// A byte tokenizer in which the four ids from `hole` on have no text; the bytes from there on are shifted by four.
Tokenizer tokenizer_with_gap(int32_t hole) {
    Vocabulary vocabulary;
    std::vector<int32_t> ids(256);
    for (int32_t byte = 0; byte < 256; ++byte) ids[static_cast<size_t>(byte)] = byte < hole ? byte : byte + 4;
    vocabulary.tokens = TokenTable(ids, 256);
    for (size_t byte = 0; byte < 256; ++byte) {
        char c = static_cast<char>(byte);
        check(vocabulary.tokens.set(ids[byte], {&c, 1}), "byte {}", byte);
    }
    vocabulary.append_controls({"<|begin_of_text|>", "<|end_of_text|>"});
    return Tokenizer(std::move(vocabulary));
}

TEST(Engine, NeverSamplesAnIdWithoutText) {
    Engine plain(fake_llama(), fake_tokenizer());
    std::vector<int32_t> prompt = {97, 98};
    int32_t hole = plain.generate(prompt, greedy(1)).ids[0];  // the model's most likely token
    Engine engine(fake_llama(), tokenizer_with_gap(hole));
    auto in_gap = [hole](const Answer& answer) {
        return std::count_if(answer.ids.begin(), answer.ids.end(),
                             [hole](int32_t id) { return id >= hole && id < hole + 4; });
    };
    EXPECT_EQ(in_gap(engine.generate(prompt, greedy(50))), 0);
    EXPECT_EQ(in_gap(engine.generate(prompt, sampled(200, 3))), 0);
    for (int k : {1, 5, 270}) {
        GenerateOptions options{
            .sample = {.temperature = 2, .top_p = 1, .top_k = k, .repetition_penalty = 1.5f, .seed = 7},
            .max_tokens = 100};
        Answer answer = engine.generate(prompt, options);
        EXPECT_EQ(in_gap(answer), 0) << k;
        EXPECT_EQ(answer.ids.size(), 100u) << k;
    }
}

TEST(Engine, TokensBeyondTheEmbeddingAreErrorsOnlyWhenUsed) {
    Vocabulary extra = fake_tokenizer().vocabulary();
    extra.added = TokenTable();
    extra.append_controls({"<|begin_of_text|>", "<|end_of_text|>", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
                           "12", "13", "14", "15", "<pad>"});
    Engine engine(fake_llama(), Tokenizer(std::move(extra))), reference(fake_llama(), fake_tokenizer());
    EXPECT_EQ(engine.generate(prompt_of(9), sampled(30, 2)).ids, reference.generate(prompt_of(9), sampled(30, 2)).ids);
    std::string expected =
        "token 272 ('<pad>') is not in the model's vocabulary of 272: its embedding has no row for it";
    std::vector<int32_t> ids = {256, 272, 65};
    EXPECT_EQ(error_of([&] { engine.generate(ids, greedy(3)); }), expected);
    EXPECT_EQ(error_of([&] { engine.score(ids, 1); }), expected);
    EXPECT_EQ(error_of([&] { engine.embed(ids); }), expected);
}

TEST(Engine, ContextIsLimitedByTheModel) {
    EXPECT_THROW(Engine(fake_llama(1, 64), fake_tokenizer(), {.context = 65}), Error);
    auto error_with = [](int64_t context) {
        return error_of([&] { Engine(fake_llama(1, context), fake_tokenizer(), {.context = context}); });
    };
    EXPECT_THAT(error_with(int64_t{1} << 36),  // at least 16 TiB
                AllOf(StartsWith("out of memory: cannot allocate "),
                      EndsWith(" MiB for the KV cache: use a smaller context than 68719476736")));
    EXPECT_EQ(error_with(int64_t{1} << 44),
              "a KV cache of 274877906944 pages of 64 tokens is too large: use a smaller context than 17592186044416");
    EXPECT_EQ(Engine(fake_llama(1, 64), fake_tokenizer()).context(), 64);
    EXPECT_EQ(Engine(fake_llama(1, 1 << 20), fake_tokenizer()).context(), default_context);
}

// A conversation is its tokens: each turn sends all of them.
TEST(Engine, WholePagesOfACommonBeginningAreReused) {
    Engine engine(fake_llama(), fake_tokenizer(), {.poison_new_pages = true});
    std::vector<int32_t> first = prompt_of(200), second = prompt_of(150);
    second.push_back(7);
    EXPECT_EQ(engine.generate(first, greedy(1)).reused, 0);
    EXPECT_EQ(engine.generate(second, greedy(1)).reused, 128);
    EXPECT_EQ(engine.generate(first, greedy(1)).reused, 192);
    first.resize(192);
    EXPECT_EQ(engine.generate(first, greedy(1)).reused, 128) << "the last token of a prompt always runs";
    EXPECT_EQ(engine.generate({.tokens = first, .tenant = "another"}).reused, 0);
    EXPECT_TRUE(engine.embed(first).size() == 32u);
}

// 1,000 tokens are 15 whole pages and 40 tokens.
TEST(Engine, TokensOfACommonBeginningAreComputedOnce) {
    Engine engine(fake_llama(1, 2048), fake_tokenizer(), {.poison_new_pages = true});
    std::vector<int32_t> first = prompt_of(1000), second = first;
    for (int32_t id : {1, 2, 3}) first.push_back(id);
    for (int32_t id : {4, 5, 6, 7, 8}) second.push_back(id);
    engine.generate(first, greedy(1));
    EXPECT_EQ(engine.status().computed_tokens, 1003);
    engine.generate(second, greedy(1));
    EXPECT_EQ(engine.status().computed_tokens, 1003 + 40 + 5);
}

// The status is that between steps: after the last event of an answer, its request may still be counted.
EngineStatus status_when_idle(const Engine& engine) {
    while (true) {
        EngineStatus status = engine.status();
        if (status.running + status.waiting == 0) return status;
        std::this_thread::yield();
    }
}

TEST(Engine, StatusCountsRequestsAndPages) {
    Engine engine(fake_llama(1, 64000), fake_tokenizer(), {.context = 64000, .sequences = 2});
    EXPECT_EQ(engine.status().pages, 2000);
    EXPECT_EQ(engine.status().available_pages, 2000);
    std::vector<Reply> replies;
    for (int i = 0; i < 5; ++i) replies.push_back(engine.submit({.tokens = prompt_of(70, i)}));
    EngineStatus status;
    while (status = engine.status(), status.running < 2) std::this_thread::yield();
    EXPECT_EQ(status.running, 2);
    EXPECT_EQ(status.waiting, 3);
    EXPECT_LE(status.available_pages, 2000 - 2);
    replies.clear();
    EXPECT_EQ(status_when_idle(engine).available_pages, 2000);
}

TEST(Engine, GeneratedTokensAreReused) {
    Engine engine(fake_llama(), fake_tokenizer());
    std::vector<int32_t> tokens = prompt_of(50);
    std::vector<int32_t> answer = engine.generate(tokens, greedy(100)).ids;
    tokens.insert(tokens.end(), answer.begin(), answer.end());
    EXPECT_EQ(engine.generate(tokens, greedy(1)).reused, 128);
}

TEST(Engine, RequestsBeyondTheLimitAreRefusedAsBusy) {
    Engine engine(fake_llama(1, 100000), fake_tokenizer(), {.context = 100000, .waiting = 2});
    {
        Reply one = engine.submit({.tokens = {256}}), two = engine.submit({.tokens = {256}});
        EXPECT_EQ(error_of([&] { engine.submit({.tokens = {256}}); }),
                  "2 requests are waiting already: try again later");
    }
    Reply after = submit_when_free(engine, {.tokens = {256}, .options = greedy(3)});
    EXPECT_EQ(after.wait().ids.size(), 3u);
}

TEST(Engine, AHigherPriorityRunsFirst) {
    Engine engine(fake_llama(1, 100000), fake_tokenizer(), {.context = 100000, .sequences = 1});
    Reply running = engine.submit({.tokens = {256}, .priority = 2});
    ASSERT_TRUE(running.next());
    std::atomic<int> low_events = 0, low_events_at_the_end_of_high = -1;
    Reply low = engine.submit({.tokens = prompt_of(5), .options = greedy(5)}, [&] { ++low_events; });
    Reply high = engine.submit({.tokens = prompt_of(5), .options = greedy(5), .priority = 1},
                               [&] { low_events_at_the_end_of_high = low_events.load(); });
    running.cancel();
    EXPECT_EQ(high.wait().ids.size(), 5u);
    EXPECT_EQ(low.wait().ids.size(), 5u);
    EXPECT_EQ(low_events_at_the_end_of_high, 0);
}

TEST(Engine, AdaptersThatTheModelDoesNotHaveAreErrors) {
    Engine engine(fake_llama(), fake_tokenizer());
    for (int adapter : {-2, 0})
        EXPECT_EQ(error_of([&] { engine.submit({.tokens = {256}, .adapter = adapter}); }),
                  fmt::format("there is no adapter {}, as the model has 0: leave adapter out", adapter));
}

TEST(Engine, ValuesThatNoFieldAcceptsAreErrorsOfTheirField) {
    Engine engine(fake_llama(), fake_tokenizer());
    auto expect_error = [&engine](const Request& request, std::string_view field, std::string_view problem) {
        std::optional<Error> error = thrown_error([&] { engine.submit(request); });
        ASSERT_TRUE(error) << field << " is accepted";
        EXPECT_EQ(error->field, field);
        EXPECT_EQ(error->problem(), problem);
        EXPECT_EQ(error->kind, ErrorKind::usage);
    };
    auto sampling = [](const SampleOptions& sample) { return Request{.tokens = {256}, .options = {.sample = sample}}; };
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    expect_error(sampling({.temperature = -1}), "temperature", " must be at least 0, not -1");
    expect_error(sampling({.temperature = nan}), "temperature", " must be a number, not 'nan'");
    expect_error(sampling({.temperature = 100.5f}), "temperature", " must be at most 100, not 100.5");
    expect_error(sampling({.top_p = 0}), "top_p", " must be more than 0, not 0");
    expect_error(sampling({.top_k = -1}), "top_k", " must be at least 0, not -1; 0 = off");
    expect_error(sampling({.min_p = 2}), "min_p", " must be at most 1, not 2");
    expect_error(sampling({.repetition_penalty = nan}), "repetition_penalty", " must be a number, not 'nan'");
    expect_error(sampling({.seed = -1}), "seed", " must be at least 0, not -1");
    expect_error({.tokens = {256}, .options = {.max_tokens = -5}}, "max_tokens",
                 " must be at least 0, not -5; 0 = until a stop token or the end of the context");
    expect_error({.tokens = {256}, .logprobs = -7}, "logprobs", " must be at least -1, not -7");
    expect_error({.tokens = {256}, .logprobs = 101}, "logprobs", " must be at most 100, not 101");
    std::vector<std::string> texts(65, "a");
    expect_error({.tokens = {256}, .options = {.stop = texts}}, "stop", " must be at most 64 texts");
    expect_error({.tokens = {256}, .options = {.stop = {std::string(1001, 'a')}}}, "stop",
                 " must be texts of at most 1000 bytes");
    expect_error({.tokens = {256}, .stop_ids = std::vector<int32_t>(65, 5)}, "stop_ids", " must be at most 64 tokens");
}

TEST(Engine, OnlyAllowedTokensAreGenerated) {
    Engine engine(fake_llama(), fake_tokenizer());
    Request request{.tokens = prompt_of(5), .options = sampled(50, 1), .allowed = TokenMask(272, false)};
    EXPECT_EQ(error_of([&] { engine.generate(request); }),
              "none of the allowed tokens is one that this model can generate");
    for (char letter : std::string_view("aqz")) request.allowed.allow(static_cast<size_t>(letter));
    Answer answer = engine.generate(request);
    EXPECT_EQ(answer.ids.size(), 50u);
    EXPECT_THAT(answer.text, testing::MatchesRegex("[aqz]+"));
}

TEST(Engine, LogprobsAreThoseOfAScore) {
    Engine engine(fake_llama(), fake_tokenizer());
    std::vector<int32_t> tokens = prompt_of(5);
    Answer answer = engine.generate({.tokens = tokens, .options = sampled(20, 1), .logprobs = 3});
    tokens.insert(tokens.end(), answer.ids.begin(), answer.ids.end());
    std::vector<float> expected = engine.score(tokens, 5);
    ASSERT_EQ(answer.tokens.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(answer.tokens[i].logprob, expected[i], 1e-4) << i;
        ASSERT_EQ(answer.tokens[i].alternatives.size(), 3u);
        EXPECT_GE(answer.tokens[i].alternatives[0].logprob, answer.tokens[i].alternatives[1].logprob);
        EXPECT_GE(answer.tokens[i].alternatives[0].logprob, answer.tokens[i].logprob);
    }
}

TEST(Reply, NotificationsTellOfEveryEventAndTheEnd) {
    std::atomic<int> notifications = 0;
    Engine engine(fake_llama(), fake_tokenizer());
    Reply reply = engine.submit({.tokens = prompt_of(5), .options = greedy(20)}, [&] { ++notifications; });
    int events = 0;
    while (std::optional<Event> event = reply.next()) ++events;
    EXPECT_EQ(events, 20);
    reply.wait();
    for (int ms = 0; ms < 10000 && notifications < 21; ++ms) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(notifications, 21);
}

TEST(Reply, SeveralThreadsMayRead) {
    Engine engine(fake_llama(), fake_tokenizer(), {.sequences = 4});
    for (int round = 0; round < 100; ++round) {
        Reply reply = engine.submit({.tokens = prompt_of(5), .options = greedy(10)});
        std::atomic<int> events = 0;
        std::vector<std::thread> readers;
        for (int i = 0; i < 4; ++i)
            readers.push_back(std::thread([&] {
                while (reply.next()) ++events;
            }));
        for (std::thread& reader : readers) reader.join();
        ASSERT_EQ(events, 10);
        ASSERT_EQ(reply.answer().ids.size(), 10u);
        ASSERT_EQ(reply.answer().finish, Finish::length);
    }
}

TEST(Reply, AReaderThatNeverReadsDelaysNobody) {
    Engine engine(fake_llama(), fake_tokenizer(), {.sequences = 2});
    Reply unread = engine.submit({.tokens = prompt_of(5), .options = greedy(200)});
    EXPECT_EQ(engine.generate(prompt_of(6), greedy(200)).ids.size(), 200u);
    EXPECT_EQ(unread.wait().ids.size(), 200u);
}

TEST(Reply, DestroyingOneCancelsItsRequest) {
    Engine engine(fake_llama(1, 100000), fake_tokenizer(), {.context = 100000});
    { Reply endless = engine.submit({.tokens = {256}}); }
    EXPECT_EQ(engine.generate({256}, greedy(3)).ids.size(), 3u);  // one sequence runs at a time
}

TEST(Engine, DestroyingItEndsItsRequests) {
    std::optional<Engine> engine;
    engine.emplace(fake_llama(1, 100000), fake_tokenizer(), EngineOptions{.context = 100000});
    Reply reply = engine->submit({.tokens = {256}});
    engine.reset();
    EXPECT_EQ(reply.wait().finish, Finish::canceled);
}

}  // namespace
}  // namespace puna
