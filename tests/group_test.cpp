// Run by mpirun: TwoProcesses.* with two processes, which together compute what one computes alone; Group.* with two,
// three and four.
#include "core/hash.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "files/safetensors.h"
#include "infer/engine.h"
#include "infer/fake_model.h"
#include "kernels/testing/wrapped.h"
#include "model/apply_adapter.h"
#include "model/load.h"
#include "model/test_adapter.h"
#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace puna {
namespace {

const std::filesystem::path golden = "../shared/golden/tiny3";

Group world() {
    static Group group = Group::world();
    return group;
}

// Rows first .. first + n of the golden tokens.
Batch golden_rows(int64_t first, int64_t n) {
    SafetensorsFile file(golden / "golden.safetensors");
    Tensor tokens = file.tensor("tokens");
    int64_t length = tokens.size[1] - 1;
    Batch batch;
    for (int64_t r = 0; r < n; ++r)
        for (int64_t t = 0; t < length; ++t) {
            batch.tokens.push_back(tokens.row<int32_t>(first + r)[t]);
            batch.targets.push_back(tokens.row<int32_t>(first + r)[t + 1]);
        }
    for (int64_t r = 0; r < n; ++r) batch.sequences.push_back({r * length, length});
    batch.chunk = chunks_of(n, length);
    return batch;
}

// A hash of all weights after ten steps on two sequences, split over the group.
std::string train_ten_steps(const Group& group, Dtype dtype) {
    Llama llama = load_llama(choose_kernels(), golden / "hf", {.dtype = dtype, .trainable = true});
    int64_t mine = 2 / group.size();
    Batch batch = golden_rows(group.rank() * mine, mine);
    Gradients gradients(choose_kernels(), gradient_elements(llama), {.chunks_per_pass = mine, .chunks_per_step = mine},
                        &llama.output.weight);
    Optimizer optimizer(llama, {});
    for (int step = 0; step < 10; ++step) {
        Pass pass(choose_kernels(), &gradients);
        pass.begin(batch);
        llama.loss(pass, llama.forward(pass), 1.0f / 96);
        pass.backward();
        gradients.advance(mine);
        Tensor sum = gradients.finish();
        group.all_reduce(pass.kernels, pass.stream, sum);
        optimizer.step(llama, sum, 1e-3);
    }
    Hash hash;
    for (Param* p : llama.params())
        hash.add({static_cast<const std::byte*>(p->master.data), static_cast<size_t>(p->master.bytes())});
    return hash.digits();
}

TEST(TwoProcesses, DataParallelTrainingGivesTheBitsOfOneProcess) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    for (Dtype dtype : {Dtype::f32, Dtype::bf16})
        EXPECT_EQ(train_ten_steps(world(), dtype), train_ten_steps(Group::alone(), dtype)) << info(dtype).name;
}

TEST(TwoProcesses, TensorParallelModelGivesGoldenLogits) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    Llama llama = load_llama(choose_kernels(), golden / "hf", {.group = world()});
    EXPECT_EQ(llama.layers[0].wq.weight.weight.size[0], 32);  // half of 64 rows
    EXPECT_EQ(llama.layers[0].w2.weight.weight.size[1], 96);  // half of 192 columns
    Pass pass(choose_kernels());
    pass.begin(golden_rows(0, 2));
    std::vector<int64_t> rows(pass.batch().tokens.size());
    std::iota(rows.begin(), rows.end(), int64_t{0});
    std::span<float> logits = llama.logits(pass, llama.forward(pass), rows).span<float>();
    SafetensorsFile file(golden / "golden.safetensors");
    std::span<float> expected = file.tensor("logits").span<float>();
    for (size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], expected[i], 3e-5) << i;
}

// A model of 62 tokens, split over the group.
Llama tiny_llama(const Group& group, const Kernels& kernels = choose_kernels()) {
    return load_llama(kernels, "tests/golden/tiny/hf", {.dtype = Dtype::f32, .group = group});
}

const EngineOptions engine_options{.context = 16384, .sequences = 3, .step_tokens = 5, .poison_new_pages = true};

// Rank 0 calls `use` with an engine, whose steps the other ranks run too.
template <class Use>
void with_split_engine(Use use) {
    if (world().rank() > 0) return Engine::follow(tiny_llama(world()), engine_options);
    Engine engine(tiny_llama(world()), fake_tokenizer(), engine_options);
    use(engine);
}

std::vector<int32_t> tiny_prompt(int32_t n) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < n; ++i) ids.push_back((i * 37 + 5) % 62);
    return ids;
}

// Generates to the end of the context, or max_tokens.
Request without_stop_token(GenerateOptions options) {
    Request request{.tokens = tiny_prompt(8), .options = options, .allowed = TokenMask(62)};
    request.allowed.forbid(1);
    return request;
}

std::vector<Request> requests_of_each_task() {
    return {without_stop_token({.sample = {.temperature = 0}, .max_tokens = 40}),
            {.task = Task::score, .tokens = tiny_prompt(30), .from = 3, .logits = true},
            {.task = Task::embed, .tokens = tiny_prompt(70)}};
}

std::vector<Answer> answer_together(Engine& engine) {
    std::vector<Reply> replies;
    for (Request& request : requests_of_each_task()) replies.push_back(engine.submit(std::move(request)));
    std::vector<Answer> answers;
    for (Reply& reply : replies) answers.push_back(reply.wait());
    return answers;
}

void expect_near(std::span<const float> values, std::span<const float> expected, size_t count) {
    ASSERT_EQ(values.size(), count);
    ASSERT_EQ(expected.size(), count);
    for (size_t i = 0; i < count; ++i) ASSERT_NEAR(values[i], expected[i], 3e-5) << i;
}

// Sums over ranks have another order, so values differ in their last bits; greedy tokens do not.
TEST(TwoProcesses, SplitEngineAnswersAsOneProcess) {
    with_split_engine([](Engine& engine) {
        Engine whole(tiny_llama(Group::alone()), fake_tokenizer(), engine_options);
        std::vector<Answer> answers = answer_together(engine), expected = answer_together(whole);
        EXPECT_EQ(answers[0].ids.size(), 40u);
        EXPECT_EQ(answers[0].ids, expected[0].ids);
        expect_near(answers[1].log_p, expected[1].log_p, 27);
        expect_near(answers[1].logits, expected[1].logits, 27 * 62);
        expect_near(answers[2].embedding, expected[2].embedding, 24);
    });
}

TEST(TwoProcesses, CanceledRequestsLeaveASplitEngineUsableAndAnotherOneFollows) {
    for (int engines = 0; engines < 2; ++engines)
        with_split_engine([](Engine& engine) {
            const Request endless = without_stop_token({.sample = {.seed = 1}});
            Reply canceled = engine.submit(endless);
            for (int events = 0; events < 3; ++events) EXPECT_TRUE(canceled.next());
            canceled.cancel();
            EXPECT_EQ(canceled.wait().finish, Finish::canceled);
            EXPECT_EQ(engine.embed(tiny_prompt(20)).size(), 24u);
            Reply running = engine.submit(endless);  // when the engine ends
            EXPECT_TRUE(running.next());
        });
}

struct ThirdCallFails {
    static inline int calls = 0;
    static const Kernels& table() { return choose_kernels(); }
    ThirdCallFails() {
        if (++calls == 3) fail("injected into attention");
    }
};

// The ranks may be anywhere in a failed step: no other one can follow it. Here all fail at once, so that none waits.
TEST(TwoProcesses, AFailedStepEndsASplitEngine) {
    Kernels failing = choose_kernels();
    wrap_functions<ThirdCallFails, &Kernels::attention>(failing);
    Llama llama = tiny_llama(world(), failing);
    if (world().rank() > 0) {
        EXPECT_EQ(error_of([&] { Engine::follow(std::move(llama), engine_options); }), "injected into attention");
        return;
    }
    Engine engine(std::move(llama), fake_tokenizer(), engine_options);
    for (int requests = 0; requests < 2; ++requests)
        EXPECT_EQ(error_of([&] { engine.embed(tiny_prompt(70)); }), "injected into attention");
}

TEST(TwoProcesses, TensorParallelGradientsMatchThoseOfOneProcess) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    Llama llama =
        load_llama(choose_kernels(), golden / "hf", {.dtype = Dtype::f32, .trainable = true, .group = world()});
    Gradients gradients(choose_kernels(), gradient_elements(llama), {.chunks_per_pass = 2, .chunks_per_step = 2},
                        &llama.output.weight);
    Pass pass(choose_kernels(), &gradients);
    pass.begin(golden_rows(0, 2));
    llama.loss(pass, llama.forward(pass), 1.0f / 96);
    pass.backward();
    gradients.advance(2);
    const float* sum = gradients.finish().as<float>();
    SafetensorsFile file(golden / "golden.safetensors");
    auto expect = [&](const Param& p, int64_t first_row) {  // this rank's rows, or the whole tensor
        Tensor expected = file.tensor("grad." + p.name).slice(first_row, p.weight.size[0]);
        for (int64_t i = 0; i < expected.count(); ++i)
            ASSERT_NEAR(sum[p.offset + i], expected.as<float>()[i], 1e-5) << p.name << " " << i;
    };
    expect(llama.tok_embeddings, 0);
    expect(llama.layers[1].ffn_norm, 0);
    expect(llama.layers[0].w1.weight, world().rank() * llama.layers[0].w1.weight.weight.size[0]);
}

// Each rank would compute only a part of the gradient of the factor that is not split, so ranks would diverge.
// A sequence with an adapter of all matrices and one without.
std::vector<float> logits_of_split(const std::filesystem::path& folder, const Group& group) {
    Llama llama = load_llama(choose_kernels(), folder / "model", {.group = group});
    std::vector<Adapter> adapters;
    adapters.emplace_back(folder / "adapter");
    Batch batch{.tokens = {1, 7, 3, 2, 9, 7}, .sequences = {{0, 3}, {3, 3}}};
    batch.sequences[0].adapter = add_adapter(llama, adapters);
    Pass pass(choose_kernels());
    pass.begin(batch);
    std::span<float> logits =
        llama.logits(pass, llama.forward(pass), std::vector<int64_t>{0, 1, 2, 3, 4, 5}).span<float>();
    return {logits.begin(), logits.end()};
}

TEST(TwoProcesses, BiasesAndAdaptersOfASplitModelAreThoseOfTheWhole) {
    TestFolder folder;  // of each process
    Config config{.dim = 16, .layers = 2, .heads = 4, .kv_heads = 2, .head_dim = 6, .ffn = 12, .vocabulary = 20};
    config.attention_bias = config.mlp_bias = true;
    Llama llama = seeded_llama(choose_kernels(), config, 7, {});
    float next = 0;
    for (Param* p : llama.params())
        for (float& value : p->weight.span<float>()) value = p->weight.rank == 1 ? std::sin(next += 1) : 10 * value;
    save_llama(llama, folder / "model", Dtype::f32);
    std::vector<std::string> modules{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                     "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    TestAdapter(config, modules, 3).save_folder(folder / "adapter");
    std::vector<float> split = logits_of_split(folder.path(), world()),
                       whole = logits_of_split(folder.path(), Group::alone());
    for (size_t i = 0; i < whole.size(); ++i) ASSERT_NEAR(split[i], whole[i], 2e-5) << i;
}

TEST(TwoProcesses, LoraAdaptersOfASplitMatrixAreServedButNotTrained) {
    constexpr int64_t dim = 8, lora_rank = 2;
    int64_t share = dim / world().size();
    std::vector<float> ones(dim * dim, 1), inputs(dim, 1);
    for (Split split : {Split::rows, Split::columns}) {
        bool rows = split == Split::rows;
        int64_t out = rows ? share : dim, in = rows ? dim : share;
        Linear linear{.weight = {.name = "w", .weight = Tensor(ones.data(), Dtype::f32, {out, in})},
                      .split = split,
                      .group = world()};
        linear.adapters.push_back({{.name = "a", .weight = Tensor(ones.data(), Dtype::f32, {lora_rank, in})},
                                   {.name = "b", .weight = Tensor(ones.data(), Dtype::f32, {out, lora_rank})},
                                   0.5f});
        Batch batch{.tokens = {0}, .sequences = {{.first = 0, .n = 1, .adapter = 0}}, .chunk = {0, 1}};
        Gradients gradients(choose_kernels(), 1, {});
        Pass training(choose_kernels(), &gradients), inference(choose_kernels());
        training.begin(batch);
        inference.begin(batch);
        Tensor x(inputs.data(), Dtype::f32, {1, in});
        EXPECT_THROW(linear(training, training.value(x)), Bug);
        EXPECT_EQ(linear(inference, inference.value(x)).data.as<float>()[0],
                  8 + 0.5f * 2 * 8);  // as one process
    }
}

// Value i of a rank, with this period: no sum of them is exact, so that another order of the sum has other bits.
constexpr int64_t period = 1009;
float value_of(int rank, int64_t i) { return 1.0f / static_cast<float>(3 + rank * 7 + i % period); }

std::vector<float> values_of(int rank, int64_t n) {
    std::vector<float> values;
    for (int64_t i = 0; i < n; ++i) values.push_back(value_of(rank, i));
    return values;
}

// The sums over all ranks: neighbors first, then neighboring pairs, and so on.
std::vector<float> tree_sums(int64_t n) {
    std::vector<std::vector<float>> sums;
    for (int rank = 0; rank < world().size(); ++rank) sums.push_back(values_of(rank, std::min(n, period)));
    while (sums.size() > 1) {
        std::vector<std::vector<float>> half;
        for (size_t r = 0; r < sums.size(); r += 2) {
            half.push_back(sums[r]);
            for (size_t i = 0; i < sums[r].size() && r + 1 < sums.size(); ++i) half.back()[i] += sums[r + 1][i];
        }
        sums = half;
    }
    std::vector<float> all;
    for (int64_t i = 0; i < n; ++i) all.push_back(sums[0][static_cast<size_t>(i % period)]);
    return all;
}

Tensor tensor_of(std::vector<float>& values) {
    return {values.data(), Dtype::f32, {static_cast<int64_t>(values.size())}};
}

// Kernels whose memory the host cannot access: the group copies it to the host and back.
Kernels without_host_access() {
    Kernels kernels = choose_kernels();
    kernels.memory.host_access = false;
    return kernels;
}

template <class Test>
void with_both_kinds_of_memory(Test test) {
    const Kernels kinds[] = {choose_kernels(), without_host_access()};
    for (const Kernels& kernels : kinds) test(kernels);
}

// Sizes below, at and beside multiples of the number of ranks, and of more than one block.
TEST(Group, AllReduceIsTheSameTreeForAnySize) {
    with_both_kinds_of_memory([](const Kernels& kernels) {
        for (int64_t n : {0, 1, 2, 3, 5, 12, 1000, (1 << 24) + 7}) {
            std::vector<float> sum = values_of(world().rank(), n);
            world().all_reduce(kernels, {}, tensor_of(sum));
            EXPECT_TRUE(sum == tree_sums(n)) << n;
        }
    });
}

TEST(Group, ReduceScatterGivesEachRankItsPartOfTheSum) {
    with_both_kinds_of_memory([](const Kernels& kernels) {
        for (int64_t n : {1, 5, 1000, (1 << 24) / world().size() + 3}) {
            std::vector<float> all = values_of(world().rank(), n * world().size()), mine(static_cast<size_t>(n));
            world().reduce_scatter(kernels, {}, tensor_of(mine), tensor_of(all));
            std::vector<float> sums = tree_sums(n * world().size());
            EXPECT_TRUE(std::equal(mine.begin(), mine.end(), sums.begin() + world().rank() * n)) << n;
        }
    });
}

TEST(Group, AllGatherHasThePartsOfAllRanksInOrder) {
    with_both_kinds_of_memory([](const Kernels& kernels) {
        std::vector<float> mine = values_of(world().rank(), 5), all(static_cast<size_t>(5 * world().size())), expected;
        world().all_gather(kernels, {}, tensor_of(all), tensor_of(mine));
        for (int rank = 0; rank < world().size(); ++rank)
            for (float value : values_of(rank, 5)) expected.push_back(value);
        EXPECT_EQ(all, expected);
    });
}

TEST(Group, SendsReachTheNextRank) {
    with_both_kinds_of_memory([](const Kernels& kernels) {
        int rank = world().rank(), size = world().size(), next = (rank + 1) % size, previous = (rank + size - 1) % size;
        std::vector<float> sent = values_of(rank, 9), received(9);
        if (rank == 0) world().send(kernels, {}, tensor_of(sent), next);
        world().receive(kernels, {}, tensor_of(received), previous);
        if (rank != 0) world().send(kernels, {}, tensor_of(sent), next);
        EXPECT_EQ(received, values_of(previous, 9));
    });
}

TEST(Group, SumsBroadcastsAndSplits) {
    int size = world().size();
    EXPECT_EQ(world().sum(1 + world().rank()), size * (size + 1) / 2);
    int value = world().rank() == size - 1 ? 42 : 0;
    world().broadcast(std::as_writable_bytes(std::span(&value, 1)), size - 1);
    EXPECT_EQ(value, 42);
    EXPECT_EQ(world().split(world().rank()).size(), 1);
    EXPECT_EQ(world().split(0).size(), size);
    EXPECT_EQ(world().split(0).rank(), world().rank());
}

}  // namespace
}  // namespace puna

int main(int argc, char** argv) {
    puna::world();
    testing::InitGoogleTest(&argc, argv);
    int failed = RUN_ALL_TESTS(), skipped = testing::UnitTest::GetInstance()->skipped_test_count();
    return failed == 0 && skipped > 0 ? 77 : failed;
}
