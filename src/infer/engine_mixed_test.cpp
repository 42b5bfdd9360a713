// Requests of all kinds at once, from several threads, in too few pages: each answer has the bytes that it has alone.
#include "infer/engine.h"

#include "core/random.h"
#include "infer/fake_model.h"
#include "infer/test_answer.h"

#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <type_traits>

#include <gmock/gmock.h>

namespace puna {
namespace {

constexpr int request_count = 64, thread_count = 4, adapter_count = 2;

// A reader of an answer.
enum class Reading : uint8_t { steady, slow, canceling, dropping };

Reading reading_of(int i) {
    switch (i % 16) {
        case 2:
        case 3:
            return Reading::slow;
        case 4:  // generates
        case 14:
            return Reading::canceling;
        case 9:  // generates
        case 13:
            return Reading::dropping;
        default:
            return Reading::steady;
    }
}

// The beginning of one of three texts, and a token of its own.
std::vector<int32_t> tokens_of(int i) {
    std::vector<int32_t> tokens;
    for (int32_t t = 0; t < 20 + (i * 29) % 170; ++t) tokens.push_back((t * 37 + (i % 3) * 11) % 256);
    tokens.push_back(i);
    return tokens;
}

GenerateOptions options_of(int i) {
    constexpr float temperatures[] = {0, 0.7f, 1, 1.5f};
    constexpr int top_ks[] = {0, 5, 40};
    GenerateOptions options{.sample = {.temperature = temperatures[i % 4],
                                       .top_p = i % 3 == 0 ? 1 : 0.9f,
                                       .top_k = top_ks[i / 2 % 3],
                                       .min_p = i % 5 == 0 ? 0.02f : 0,
                                       .repetition_penalty = i % 7 < 3 ? 1.3f : 1,
                                       .seed = i + 1},
                            .max_tokens = 10 + i * 13 % 150};
    if (i / 4 % 2 == 0) options.stop = {"ea", "xyzzy"};
    return options;
}

Request request_of(int i) {
    Request request{.tokens = tokens_of(i),
                    .adapter = (i / 8 + i) % (adapter_count + 1) - 1,
                    .priority = i % 5 - 2,
                    .tenant = i / 8 % 4 == 0 ? "one" : "another"};
    switch (i % 8) {
        case 5:
        case 6:
            request.task = Task::score;
            request.from = std::ssize(request.tokens) / 2;
            request.logits = i % 8 == 6 && std::ssize(request.tokens) - request.from <= max_logit_rows;
            return request;
        case 7:
            request.task = Task::embed;
            return request;
        default:
            request.options = options_of(i);
    }
    if (i % 8 == 1) request.logprobs = i % 5;
    if (i % 8 == 2) request.stop_ids = {'q', 'v'};
    if (i % 8 == 3) {
        request.allowed = TokenMask(272, false);
        for (char letter : std::string_view("aeiou ")) request.allowed.allow(static_cast<size_t>(letter));
    }
    return request;
}

Param random_param(const Kernels& kernels, int64_t rows, int64_t columns, Random& random) {
    Param param;
    param.weight = Tensor(nullptr, Dtype::f32, {rows, columns});
    auto memory = std::make_shared<Buffer>(kernels, param.weight.bytes());
    param.weight.data = memory->data();
    param.memory = memory;
    HostCopy values(kernels, {}, param.weight);
    for (float& value : values.tensor().span<float>()) value = random.normal();
    values.upload();
    return param;
}

Llama llama_with_adapters() {
    Llama llama = fake_llama();
    Random random(7);
    visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
        if constexpr (std::is_same_v<decltype(weight), Linear&>)
            for (int i = 0; i < adapter_count; ++i)
                weight.adapters.push_back({random_param(llama.kernels, 2, info.columns, random),
                                           random_param(llama.kernels, info.rows, 2, random), 0.02f});
    });
    return llama;
}

// With scale * b * a of an adapter added to every matrix.
Llama merged(Llama llama, size_t adapter) {
    visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
        if constexpr (std::is_same_v<decltype(weight), Linear&>) {
            Lora& lora = weight.adapters[adapter];
            HostCopy matrix(llama.kernels, {}, weight.weight.weight), a(llama.kernels, {}, lora.a.weight),
                b(llama.kernels, {}, lora.b.weight);
            for (HostCopy* copy : {&matrix, &a, &b}) copy->download();
            for (int64_t row = 0; row < info.rows; ++row)
                for (int64_t column = 0; column < info.columns; ++column)
                    for (int64_t r = 0; r < 2; ++r)
                        matrix.tensor().row<float>(row)[column] +=
                            lora.scale * b.tensor().row<float>(row)[r] * a.tensor().row<float>(r)[column];
            matrix.upload();
        }
    });
    return llama;
}

TEST(Adapters, GiveTheScoresOfTheMergedModel) {
    std::vector<int32_t> tokens = tokens_of(5);
    Engine engine(llama_with_adapters(), fake_tokenizer());
    auto scores = [&](Engine& of, int adapter) {
        return of.submit({.task = Task::score, .tokens = tokens, .adapter = adapter}).wait().log_p;
    };
    std::vector<float> base = scores(engine, -1);
    for (int adapter = 0; adapter < adapter_count; ++adapter) {
        Engine merged_engine(merged(llama_with_adapters(), static_cast<size_t>(adapter)), fake_tokenizer());
        EXPECT_THAT(scores(engine, adapter), testing::Pointwise(testing::FloatNear(1e-3f), scores(merged_engine, -1)));
        EXPECT_THAT(scores(engine, adapter), testing::Not(testing::Pointwise(testing::FloatNear(1e-2f), base)));
    }
}

Answer answer_alone(int i, Dtype cache_type) {
    Engine engine(llama_with_adapters(), fake_tokenizer(), {.cache_type = cache_type});
    return engine.submit(request_of(i)).wait();
}

// None: dropped unread.
std::optional<Answer> read(Reply reply, Reading reading) {
    if (reading == Reading::dropping) return {};
    for (int events = 0; reply.next(); ++events) {
        if (reading == Reading::slow) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (reading == Reading::canceling && events == 2) reply.cancel();
    }
    return reply.answer();
}

using Answers = std::vector<std::optional<Answer>>;

// Each thread submits a part of the requests and gives the replies to another one, which reads them.
Answers answer_all(Engine& engine) {
    Answers answers(request_count);
    std::vector<std::jthread> readers(thread_count), submitters;
    for (int t = 0; t < thread_count; ++t)
        submitters.emplace_back([&, t] {
            std::vector<Reply> replies;
            for (int i = t; i < request_count; i += thread_count) replies.push_back(engine.submit(request_of(i)));
            readers[static_cast<size_t>(t)] = std::jthread([&answers, t, replies = std::move(replies)]() mutable {
                for (int i = t; i < request_count; i += thread_count)
                    answers[static_cast<size_t>(i)] =
                        read(std::move(replies[static_cast<size_t>(i / thread_count)]), reading_of(i));
            });
        });
    submitters.clear();
    readers.clear();
    return answers;
}

void expect_beginning(const Answer& canceled, const Answer& whole) {
    EXPECT_THAT(whole.text, testing::StartsWith(canceled.text));
    ASSERT_LE(canceled.ids.size(), whole.ids.size());
    EXPECT_TRUE(std::equal(canceled.ids.begin(), canceled.ids.end(), whole.ids.begin()));
}

class MixedRequests : public testing::TestWithParam<Dtype> {};

TEST_P(MixedRequests, HaveTheBytesOfEachAlone) {
    // Answers take up to three more pages than their prompts: not all that begin can stay.
    Engine engine(llama_with_adapters(), fake_tokenizer(),
                  {.context = 384,
                   .sequences = 16,
                   .step_tokens = 96,
                   .cache_tokens = 10 * page_tokens,
                   .cache_type = GetParam(),
                   .poison_new_pages = true});
    Answers answers = answer_all(engine);
    for (int i = 0; i < request_count; ++i) {
        SCOPED_TRACE(i);
        const std::optional<Answer>& answer = answers[static_cast<size_t>(i)];
        ASSERT_EQ(answer.has_value(), reading_of(i) != Reading::dropping);
        if (!answer) continue;
        Answer alone = answer_alone(i, GetParam());
        if (answer->finish == Finish::canceled) {
            EXPECT_EQ(reading_of(i), Reading::canceling);
            expect_beginning(*answer, alone);
        } else {
            EXPECT_EQ(contents_of(*answer), contents_of(alone));
        }
    }
    while (engine.status().running + engine.status().waiting > 0) std::this_thread::yield();
    EXPECT_EQ(engine.status().available_pages, engine.status().pages);
}

std::string type_name(const testing::TestParamInfo<Dtype>& type) { return std::string(info(type.param).name); }
INSTANTIATE_TEST_SUITE_P(, MixedRequests, testing::Values(Dtype::f32, Dtype::bf16), type_name);

}  // namespace
}  // namespace puna
