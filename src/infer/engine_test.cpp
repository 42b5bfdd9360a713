#include "infer/engine.h"

#include "core/test_error.h"
#include "core/threads.h"
#include "infer/fake_model.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <fstream>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace puna {
namespace {

std::vector<int32_t> prompt_of(int n, int32_t seed = 0) {
    std::vector<int32_t> ids{256};
    for (int32_t i = 1; i < n; ++i) ids.push_back((i * 37 + seed) % 256);
    return ids;
}

GenerateOptions greedy(int64_t n) { return {.sample = {.temperature = 0}, .max_tokens = n}; }
GenerateOptions sampled(int64_t n, int64_t seed) {
    return {.sample = {.temperature = 1, .top_p = 1, .seed = seed}, .max_tokens = n};
}

TEST(Engine, GeneratesUntilMaxTokens) {
    Engine engine(fake_llama(), fake_tokenizer());
    Session session = engine.open();
    std::string streamed;
    Answer answer = engine.generate(session, prompt_of(10), greedy(20), [&](std::string_view text) {
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
    Session session = engine.open();
    int32_t second = engine.generate(session, prompt_of(10), greedy(2)).ids[1];
    Engine stopping(fake_llama(), fake_tokenizer(), {}, {}, {second});
    Session other = stopping.open();
    Answer answer = stopping.generate(other, prompt_of(10), greedy(20));
    EXPECT_EQ(answer.finish, Finish::stop);
    EXPECT_EQ(answer.ids.size(), 1u);
    EXPECT_TRUE(engine.is_stop(257));  // of config.json
    EXPECT_TRUE(engine.is_stop(261));  // <|eot_id|>
    EXPECT_FALSE(engine.is_stop(256));
}

// While in scope, the process can allocate only about 1 MiB more.
class MemoryLimit {
 public:
    MemoryLimit() {
        getrlimit(RLIMIT_AS, &before_);
        std::ifstream statm("/proc/self/statm");
        rlim_t pages = 0;
        statm >> pages;
        rlimit now{.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (1 << 20),
                   .rlim_max = before_.rlim_max};
        setrlimit(RLIMIT_AS, &now);
    }
    ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }
    MemoryLimit(const MemoryLimit&) = delete;

 private:
    rlimit before_{};
};

TEST(Engine, FailedStepLeavesTheCacheUnchanged) {
    EngineOptions options{.context = 65536, .step_tokens = 65536};
    Engine engine(fake_llama(1, 65536), fake_tokenizer(), options),
        fresh(fake_llama(1, 65536), fake_tokenizer(), options);
    Session session = engine.open(), other = fresh.open();
    engine.generate(session, prompt_of(20), greedy(3));
    std::vector<int32_t> prompt = prompt_of(60000);
    {
        MemoryLimit limit;
        EXPECT_THROW(engine.generate(session, prompt, greedy(5)), Error);
    }
    prompt.resize(300);
    Answer answer = engine.generate(session, prompt, greedy(5));
    EXPECT_EQ(answer.reused, 20);
    EXPECT_EQ(answer.ids, fresh.generate(other, prompt, greedy(5)).ids);
}

TEST(Engine, StopStringEndsTheAnswer) {
    Engine engine(fake_llama(), fake_tokenizer());
    Session session = engine.open();
    std::string text = engine.generate(session, prompt_of(10), greedy(30)).text;
    GenerateOptions options = greedy(30);
    options.stop = {text.substr(text.size() / 2)};
    Answer answer = engine.generate(session, prompt_of(10), options);
    EXPECT_EQ(answer.finish, Finish::stop);
    EXPECT_EQ(answer.text, text.substr(0, text.find(options.stop[0])));
}

TEST(Engine, CallbackReturningFalseCancels) {
    Engine engine(fake_llama(), fake_tokenizer(), {.step_tokens = 4});
    Session session = engine.open();
    int calls = 0;
    Answer answer = engine.generate(session, prompt_of(9), greedy(20), [&](std::string_view) { return ++calls < 5; });
    EXPECT_EQ(answer.finish, Finish::canceled);
    EXPECT_EQ(answer.ids.size(), 3u);  // the first two steps were prefill chunks
    EXPECT_EQ(engine.generate(session, prompt_of(9), greedy(20)).ids.size(), 20u);
}

TEST(Engine, ExceedingTheContextIsAnErrorWithTheSizes) {
    Engine engine(fake_llama(), fake_tokenizer(), {.context = 32});
    Session session = engine.open();
    try {
        engine.generate(session, prompt_of(20), greedy(13));
        FAIL();
    } catch (const ContextFull& full) {
        EXPECT_EQ(std::string(full.what()), "20 prompt tokens and 13 to generate exceed the context of 32");
        EXPECT_EQ(full.prompt + full.requested - full.context, 1);
    }
    EXPECT_EQ(engine.generate(session, prompt_of(20), greedy(12)).finish, Finish::length);
    EXPECT_THROW(engine.generate(session, prompt_of(32), greedy(0)), ContextFull);
    EXPECT_THROW(engine.generate(session, prompt_of(5), greedy(INT64_MAX)), ContextFull);
    EXPECT_THROW(engine.score(session, prompt_of(33), 1), ContextFull);
}

TEST(Engine, WithoutMaxTokensTheAnswerEndsWithTheContext) {
    Engine engine(fake_llama(), fake_tokenizer(), {.context = 32});
    Session session = engine.open();
    Answer answer = engine.generate(session, prompt_of(20), greedy(0));
    EXPECT_EQ(answer.finish, Finish::context);
    EXPECT_EQ(answer.ids.size(), 12u);
    EXPECT_EQ(session.size(), 32);
}

TEST(Engine, BatchedAnswersEqualThoseGeneratedAlone) {
    std::vector<std::vector<int32_t>> prompts = {prompt_of(3), prompt_of(40, 5), prompt_of(17, 9), prompt_of(1)};
    std::vector<std::vector<int32_t>> alone;
    for (size_t i = 0; i < prompts.size(); ++i) {
        Engine engine(fake_llama(), fake_tokenizer());
        Session session = engine.open();
        alone.push_back(engine.generate(session, prompts[i], sampled(25, 3 + static_cast<int64_t>(i))).ids);
    }
    Engine engine(fake_llama(), fake_tokenizer(), {.slots = 4, .step_tokens = 8});
    std::deque<Session> sessions;
    std::deque<Generation> answers;
    std::vector<Generation*> running;
    for (int step = 0; step < 200; ++step) {
        if (step % 4 == 0 && answers.size() < prompts.size()) {  // they join one by one
            size_t i = answers.size();
            sessions.push_back(engine.open());
            running.push_back(
                &answers.emplace_back(engine, sessions[i], prompts[i], sampled(25, 3 + static_cast<int64_t>(i))));
        }
        engine.step(running);
    }
    ASSERT_EQ(answers.size(), 4u);
    for (size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i].answer().ids, alone[i]) << i;
}

// All logits of a prompt, run in steps of `step_tokens` tokens on `n_threads` threads.
std::vector<float> logits_of(int64_t step_tokens, int n_threads) {
    set_threads(n_threads);
    Engine engine(fake_llama(), fake_tokenizer(), {.step_tokens = step_tokens});
    Session session = engine.open();
    std::vector<float> all;
    engine.score(session, prompt_of(150), 1, [&](int64_t, Tensor logits) {
        std::span<float> rows = logits.span<float>();
        all.insert(all.end(), rows.begin(), rows.end());
    });
    return all;
}

TEST(Engine, LogitsAreBitIdenticalForAnyStepSizeAndThreadCount) {
    std::vector<float> full = logits_of(512, 1);
    EXPECT_EQ(full.size(), 149u * 272);
    EXPECT_EQ(logits_of(7, 2), full);
    EXPECT_EQ(logits_of(1, 2), full);
    set_threads(0);
}

TEST(Engine, ScoresAreLogProbabilities) {
    Engine engine(fake_llama(), fake_tokenizer());
    Session session = engine.open();
    std::vector<int32_t> tokens = prompt_of(100);
    std::vector<double> expected;
    std::vector<int64_t> positions;
    std::vector<float> log_p = engine.score(session, tokens, 5, [&](int64_t first, Tensor logits) {
        for (int64_t row = 0; row < logits.rows(); ++row) {
            double sum = 0;
            std::span<float> values(logits.row<float>(row), 272);
            for (float value : values) sum += std::exp(static_cast<double>(value));
            positions.push_back(first + row);
            expected.push_back(
                static_cast<double>(values[static_cast<size_t>(tokens[static_cast<size_t>(first + row)])]) -
                std::log(sum));
        }
    });
    ASSERT_EQ(log_p.size(), 95u);
    ASSERT_EQ(positions.size(), 95u);
    for (size_t i = 0; i < log_p.size(); ++i) {
        EXPECT_EQ(positions[i], static_cast<int64_t>(i) + 5);
        EXPECT_NEAR(static_cast<double>(log_p[i]), expected[i], 1e-4) << i;
    }
    EXPECT_TRUE(engine.score(session, std::vector<int32_t>{256}, 1).empty());
}

TEST(Engine, ScoringReusesTheCachedPrefix) {
    Engine engine(fake_llama(), fake_tokenizer());
    Session session = engine.open();
    std::vector<int32_t> tokens = prompt_of(90);
    std::vector<float> full = engine.score(session, tokens, 1), chunked;
    session.sync({});
    for (size_t at = 1; at < tokens.size(); at += 20) {
        std::vector<float> extra =
            engine.score(session, std::span(tokens).first(std::min(at + 20, tokens.size())), static_cast<int64_t>(at));
        chunked.insert(chunked.end(), extra.begin(), extra.end());
        EXPECT_EQ(session.reused(), static_cast<int64_t>(at) - 1);
    }
    EXPECT_EQ(chunked, full);
}

TEST(Engine, EmbeddingsHaveUnitLengthAndDifferBetweenTexts) {
    Engine engine(fake_llama(), fake_tokenizer(), {.step_tokens = 8});
    Session session = engine.open();
    std::vector<float> one = engine.embed(session, prompt_of(30)), again = engine.embed(session, prompt_of(30)),
                       two = engine.embed(session, prompt_of(30, 4));
    ASSERT_EQ(one.size(), 32u);
    EXPECT_NEAR(std::inner_product(one.begin(), one.end(), one.begin(), 0.0f), 1, 1e-5);
    EXPECT_EQ(one, again);
    EXPECT_LT(std::inner_product(one.begin(), one.end(), two.begin(), 0.0f), 0.999);
    EXPECT_THROW(engine.embed(session, {}), Error);
}

TEST(Engine, InvalidIdsAndEmptyPromptsAreErrors) {
    Engine engine(fake_llama(), fake_tokenizer());
    Session session = engine.open();
    EXPECT_THROW(engine.generate(session, {}, greedy(1)), Error);
    for (int32_t id : {-1, 272}) {
        EXPECT_THROW(engine.generate(session, std::vector<int32_t>{256, id}, greedy(1)), Error);
        EXPECT_THROW(engine.score(session, std::vector<int32_t>{256, id}, 1), Error);
        EXPECT_THROW(engine.embed(session, std::vector<int32_t>{256, id}), Error);
    }
    EXPECT_THROW(engine.generate(session, prompt_of(3), {.max_tokens = -1}), Error);
}

TEST(Engine, NonFiniteLogitsFailOnlyTheirOwnAnswer) {
    Llama llama = fake_llama();
    llama.tok_embeddings.weight.row<float>(7)[0] = std::numeric_limits<float>::quiet_NaN();
    Engine engine(std::move(llama), fake_tokenizer(), {.slots = 2});
    Session good = engine.open(), bad = engine.open();
    EXPECT_THROW(engine.generate(bad, std::vector<int32_t>{256, 7}, greedy(3)), Error);
    Generation fine(engine, good, std::vector<int32_t>{256}, greedy(1)),
        broken(engine, bad, std::vector<int32_t>{256, 7}, greedy(1));
    Generation* running[] = {&fine, &broken};
    engine.step(running);
    EXPECT_EQ(fine.answer().finish, Finish::length);
    EXPECT_EQ(broken.answer().finish, Finish::failed);
    EXPECT_NE(broken.answer().problem, "");
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
    Session first = plain.open();
    std::vector<int32_t> prompt = {97, 98};
    int32_t hole = plain.generate(first, prompt, greedy(1)).ids[0];  // the model's most likely token
    Engine engine(fake_llama(), tokenizer_with_gap(hole));
    Session second = engine.open();
    auto in_gap = [hole](const Answer& answer) {
        return std::count_if(answer.ids.begin(), answer.ids.end(),
                             [hole](int32_t id) { return id >= hole && id < hole + 4; });
    };
    EXPECT_EQ(in_gap(engine.generate(second, prompt, greedy(50))), 0);
    EXPECT_EQ(in_gap(engine.generate(second, prompt, sampled(200, 3))), 0);
    for (int k : {1, 5, 270}) {
        GenerateOptions options{
            .sample = {.temperature = 2, .top_p = 1, .top_k = k, .repetition_penalty = 1.5f, .seed = 7},
            .max_tokens = 100};
        Answer answer = engine.generate(second, prompt, options);
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
    Session session = engine.open(), other = reference.open();
    EXPECT_EQ(engine.generate(session, prompt_of(9), sampled(30, 2)).ids,
              reference.generate(other, prompt_of(9), sampled(30, 2)).ids);
    std::string expected =
        "token 272 ('<pad>') is not in the model's vocabulary of 272: its embedding has no row for it";
    std::vector<int32_t> ids = {256, 272, 65};
    EXPECT_EQ(error_message([&] { engine.generate(session, ids, greedy(3)); }), expected);
    EXPECT_EQ(error_message([&] { engine.score(session, ids, 1); }), expected);
    EXPECT_EQ(error_message([&] { engine.embed(session, ids); }), expected);
}

TEST(Engine, ContextIsLimitedByTheModel) {
    EXPECT_THROW(Engine(fake_llama(1, 64), fake_tokenizer(), {.context = 65}), Error);
    constexpr int64_t beyond_memory = int64_t{1} << 44;  // a cache of 4 PiB
    EXPECT_EQ(error_message([] { Engine(fake_llama(1, beyond_memory), fake_tokenizer(), {.context = beyond_memory}); }),
              "out of memory: cannot allocate 4294967296 MiB for the KV cache: use a smaller context than "
              "17592186044416");
    EXPECT_EQ(Engine(fake_llama(1, 64), fake_tokenizer()).context(), 64);
    EXPECT_EQ(Engine(fake_llama(1, 1 << 20), fake_tokenizer()).context(), default_context);
}

TEST(Session, RepeatingAPrefixReusesTheCache) {
    Engine engine(fake_llama(), fake_tokenizer(), {.slots = 2});
    Session session = engine.open(), fresh = engine.open();
    std::vector<int32_t> first = prompt_of(30), second = first;
    second[20] = 3;
    Answer before = engine.generate(session, first, greedy(5));
    EXPECT_EQ(before.reused, 0);
    Answer changed = engine.generate(session, second, greedy(5));
    EXPECT_EQ(changed.reused, 20);
    EXPECT_EQ(changed.ids, engine.generate(fresh, second, greedy(5)).ids);
    EXPECT_EQ(engine.generate(session, second, greedy(5)).reused, 29);  // the last one is recomputed for its logits
    EXPECT_EQ(engine.generate(session, std::span(second).first(10), greedy(1)).reused, 9);
}

TEST(Session, GeneratedTokensAreReused) {
    Engine engine(fake_llama(), fake_tokenizer());
    Session session = engine.open();
    std::vector<int32_t> tokens = prompt_of(10);
    std::vector<int32_t> answer = engine.generate(session, tokens, greedy(5)).ids;
    tokens.insert(tokens.end(), answer.begin(), answer.end());
    tokens.push_back(65);
    EXPECT_EQ(engine.generate(session, tokens, greedy(1)).reused, 14);  // its last token was never run
}

TEST(Session, SlotsAreLimitedAndFreedOnDestruction) {
    Engine engine(fake_llama(), fake_tokenizer(), {.slots = 2});
    Session one = engine.open();
    {
        Session two = engine.open();
        Session moved = std::move(two);
        EXPECT_THROW(engine.open(), Error);
    }
    EXPECT_NO_THROW(engine.open());
}

}  // namespace
}  // namespace puna
