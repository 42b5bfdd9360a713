// Run by mpirun with two processes: together they compute what one computes alone.
#include "core/hash.h"
#include "files/safetensors.h"
#include "infer/engine.h"
#include "infer/fake_model.h"
#include "model/load.h"
#include "train/optimizer.h"

#include <gtest/gtest.h>

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
    Llama llama = load_llama(golden / "hf", {.dtype = dtype, .trainable = true});
    int64_t mine = 2 / group.size();
    Batch batch = golden_rows(group.rank() * mine, mine);
    Gradients gradients(gradient_elements(llama), {.chunks_per_pass = mine, .chunks_per_step = mine},
                        &llama.output.weight);
    Optimizer optimizer(llama, {});
    for (int step = 0; step < 10; ++step) {
        Pass pass(choose_kernels(), &gradients);
        llama.loss(pass, llama.forward(pass, batch), batch, 1.0f / 96);
        pass.backward();
        gradients.advance(mine);
        std::span<float> sum = gradients.finish();
        group.all_reduce(sum);
        optimizer.step(pass.kernels, llama, sum, 1e-3);
    }
    Hash hash;
    for (Param* p : llama.params())
        hash.add({static_cast<const std::byte*>(p->master.data), static_cast<size_t>(p->master.bytes())});
    return hash.digits();
}

TEST(Group, HasTwoProcesses) { EXPECT_EQ(world().size(), 2); }

TEST(Group, DataParallelTrainingGivesTheBitsOfOneProcess) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    for (Dtype dtype : {Dtype::f32, Dtype::bf16})
        EXPECT_EQ(train_ten_steps(world(), dtype), train_ten_steps(Group::alone(), dtype)) << info(dtype).name;
}

TEST(Group, TensorParallelModelGivesGoldenLogits) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    Llama llama = load_llama(golden / "hf", {.group = world()});
    EXPECT_EQ(llama.layers[0].wq.weight.weight.size[0], 32);  // half of 64 rows
    EXPECT_EQ(llama.layers[0].w2.weight.weight.size[1], 96);  // half of 192 columns
    Pass pass(choose_kernels());
    pass.group = world();
    Batch batch = golden_rows(0, 2);
    std::vector<int64_t> rows(batch.tokens.size());
    std::iota(rows.begin(), rows.end(), int64_t{0});
    std::span<float> logits = llama.logits(pass, llama.forward(pass, batch), rows).span<float>();
    SafetensorsFile file(golden / "golden.safetensors");
    std::span<float> expected = file.tensor("logits").span<float>();
    for (size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], expected[i], 3e-5) << i;
}

TEST(Group, SplitModelRejectsAPassWithoutItsGroup) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    Llama llama = load_llama(golden / "hf", {.group = world()});
    Batch batch = golden_rows(0, 1);
    Pass alone(choose_kernels());
    EXPECT_THROW(llama.forward(alone, batch), Bug);
    int64_t row = 0;
    EXPECT_THROW(llama.logits(alone, Value{}, {&row, 1}), Bug);
    EXPECT_THROW(llama.loss(alone, Value{}, batch, 1), Bug);
}

// Sums over ranks have another order, so logits differ in their last bits; greedy tokens do not.
TEST(Group, SplitModelGeneratesTheTokensOfOneProcess) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    std::vector<int32_t> prompt{7, 99, 200, 31, 5, 150, 23, 64}, ids[2];
    int i = 0;
    for (const Group& group : {Group::alone(), world()}) {
        Engine engine(load_llama(golden / "hf", {.dtype = Dtype::f32, .group = group}), fake_tokenizer(),
                      {.context = 128, .step_tokens = 5});
        Session session = engine.open();
        ids[i++] = engine.generate(session, prompt, {.sample = {.temperature = 0}, .max_tokens = 40}).ids;
    }
    EXPECT_EQ(ids[0].size(), 40u);
    EXPECT_EQ(ids[1], ids[0]);
}

TEST(Group, TensorParallelGradientsMatchThoseOfOneProcess) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    Llama llama = load_llama(golden / "hf", {.dtype = Dtype::f32, .trainable = true, .group = world()});
    Gradients gradients(gradient_elements(llama), {.chunks_per_pass = 2, .chunks_per_step = 2}, &llama.output.weight);
    Pass pass(choose_kernels(), &gradients);
    pass.group = world();
    Batch batch = golden_rows(0, 2);
    llama.loss(pass, llama.forward(pass, batch), batch, 1.0f / 96);
    pass.backward();
    gradients.advance(2);
    const float* sum = gradients.finish().data();
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
TEST(Group, LoraAdaptersOfASplitMatrixAreServedButNotTrained) {
    constexpr int64_t dim = 8, lora_rank = 2;
    int64_t share = dim / world().size();
    std::vector<float> ones(dim * dim, 1), inputs(dim, 1);
    for (Split split : {Split::rows, Split::columns}) {
        bool rows = split == Split::rows;
        int64_t out = rows ? share : dim, in = rows ? dim : share;
        Linear linear{.weight = {.name = "w", .weight = Tensor(ones.data(), Dtype::f32, {out, in})}, .split = split};
        linear.adapters.push_back({{.name = "a", .weight = Tensor(ones.data(), Dtype::f32, {lora_rank, in})},
                                   {.name = "b", .weight = Tensor(ones.data(), Dtype::f32, {out, lora_rank})},
                                   0.5f});
        Batch batch{.tokens = {0}, .sequences = {{.first = 0, .n = 1, .adapter = 0}}, .chunk = {0, 1}};
        Gradients gradients(1, {});
        Pass training(choose_kernels(), &gradients), inference(choose_kernels());
        training.group = inference.group = world();
        Tensor x(inputs.data(), Dtype::f32, {1, in});
        EXPECT_THROW(linear(training, training.value(x), batch), Bug);
        EXPECT_EQ(linear(inference, inference.value(x), batch).data.as<float>()[0],
                  8 + 0.5f * 2 * 8);  // as one process
    }
}

TEST(Group, SumsAndGathersReachEveryRank) {
    int rank = world().rank();
    std::vector<float> sum{1.0f + static_cast<float>(rank), 10};
    world().all_reduce(sum);
    EXPECT_EQ(sum, (std::vector<float>{3, 20}));
    std::vector<float> mine{static_cast<float>(rank)}, all(2);
    world().all_gather(Tensor(all.data(), Dtype::f32, {2}), Tensor(mine.data(), Dtype::f32, {1}));
    EXPECT_EQ(all, (std::vector<float>{0, 1}));
    world().reduce_scatter(Tensor(mine.data(), Dtype::f32, {1}), Tensor(all.data(), Dtype::f32, {2}));
    EXPECT_EQ(mine[0], rank == 0 ? 0 : 2);
    EXPECT_EQ(world().split(rank).size(), 1);
}

}  // namespace
}  // namespace puna

int main(int argc, char** argv) {
    puna::world();
    testing::InitGoogleTest(&argc, argv);
    int failed = RUN_ALL_TESTS();
    return failed || std::filesystem::exists(puna::golden) ? failed : 77;  // tests that need it were skipped
}
