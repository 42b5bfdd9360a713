// Guards against accidental changes of bits: hashes of the results of 64 mixed requests and of ten training steps of
// the golden model tiny3, in tests/recorded.txt, one line for each kernel table, weight type and kind of work. Tables
// are named with all extensions that they lack (exact_name), so that a line holds on every processor that can compute
// it.
//
//   recorded_test --print >> tests/recorded.txt          records the lines of this machine's tables
//   recorded_test --tables                               lists their names, best first
//
// Record in the commit that introduces a table or changes its order of summation on purpose, and say so there.
#include "core/hash.h"
#include "core/random.h"
#include "files/safetensors.h"
#include "infer/engine.h"
#include "infer/fake_model.h"
#include "kernels/testing/tables.h"
#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <ostream>

namespace puna {
namespace {

const std::filesystem::path golden = "../shared/golden/tiny3";

template <class T>
void add(Hash& hash, std::span<T> values) {
    hash.add(std::as_bytes(values));
}

struct MixedRequest {
    std::vector<int32_t> prompt;
    GenerateOptions options;
};

// Short and long prompts, some longer than a step; every third shares a prefix with the one before it; greedy decoding
// and all sampling options.
std::vector<MixedRequest> mixed_requests() {
    std::vector<MixedRequest> requests(64);
    Random random(5, 0);
    for (size_t i = 0; i < requests.size(); ++i) {
        MixedRequest& r = requests[i];
        size_t n = i % 8 == 7 ? 150 + random.below(100) : 1 + random.below(40);
        if (i % 3 == 2)
            r.prompt.assign(requests[i - 1].prompt.begin(),
                            requests[i - 1].prompt.end() - static_cast<int64_t>(requests[i - 1].prompt.size() / 3));
        while (r.prompt.size() < n) r.prompt.push_back(static_cast<int32_t>(random.below(256)));
        r.options.max_tokens = 1 + static_cast<int64_t>(random.below(24));
        SampleOptions& s = r.options.sample;
        s.temperature = i % 4 == 0 ? 0.0f : 0.5f + 0.1f * static_cast<float>(i % 7);
        s.top_p = i % 4 == 1 ? 0.8f : 1.0f;
        s.top_k = i % 4 == 2 ? 20 : 0;
        s.min_p = i % 5 == 3 ? 0.05f : 0.0f;
        s.repetition_penalty = i % 6 == 4 ? 1.2f : 1.0f;
        s.seed = static_cast<int64_t>(i) + 1;
    }
    return requests;
}

// Ids of all answers, eight at a time with continuous batching; then all logits over prompt and answer.
std::string hash_of_requests(Dtype type) {
    std::vector<MixedRequest> requests = mixed_requests();
    Engine engine(load_llama(choose_kernels(), golden / "hf", {.dtype = type}), fake_tokenizer(),
                  {.context = 512, .sequences = 8, .step_tokens = 64});
    std::vector<Reply> replies;
    for (const MixedRequest& r : requests) replies.push_back(engine.submit({.tokens = r.prompt, .options = r.options}));
    Hash hash;
    for (size_t i = 0; i < requests.size(); ++i) {
        std::vector<int32_t> ids = replies[i].wait().ids, tokens = requests[i].prompt;
        add(hash, std::span(ids));
        tokens.insert(tokens.end(), ids.begin(), ids.end());
        for (int64_t from = 1, n = std::ssize(tokens); from < n; from += max_logit_rows) {
            std::vector<int32_t> part(tokens.begin(), tokens.begin() + std::min(n, from + max_logit_rows));
            std::vector<float> logits = engine.score_with_logits(part, from).logits;
            add(hash, std::span(logits));
        }
    }
    return hash.digits();
}

// Two rows of 560 tokens, so two chunks each; the second row has two documents; every seventh target is not in the
// loss.
Batch training_rows(uint64_t stream, int64_t vocabulary) {
    constexpr int64_t rows = 2, length = 560;
    Random random(11, stream);
    Batch batch;
    for (int64_t i = 0; i < rows * length; ++i) {
        batch.tokens.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(vocabulary))));
        batch.targets.push_back(i % 7 == 3 ? -1 : static_cast<int32_t>((batch.tokens.back() * 31 + 7) % vocabulary));
    }
    batch.sequences = {{0, 560}, {560, 201}, {761, 359}};
    batch.chunk = chunks_of(rows, length);
    return batch;
}

// Losses and gradient norms of ten steps of two passes each, and the weights after them.
std::string hash_of_training(const Kernels& kernels, Dtype type) {
    Llama llama = load_llama(choose_kernels(), golden / "hf", {.dtype = type, .trainable = true});
    Gradients gradients(choose_kernels(), gradient_elements(llama), {.chunks_per_pass = 4, .chunks_per_step = 8},
                        &llama.output.weight);
    Optimizer optimizer(llama, {});
    Hash hash;
    for (uint64_t step = 0; step < 10; ++step) {
        std::vector<double> values;
        for (uint64_t part = 0; part < 2; ++part) {
            Pass pass(kernels, &gradients, part == 0 ? Activations::keep : Activations::recompute);
            pass.begin(training_rows(2 * step + part, llama.config.vocabulary));
            std::vector<double> sums = llama.loss(pass, llama.forward(pass), 1.0f / 1920);
            values.insert(values.end(), sums.begin(), sums.end());
            pass.backward();
            gradients.advance(4);
        }
        values.push_back(optimizer.step(llama, gradients.finish(), 2e-3));
        add(hash, std::span(values));
    }
    for (Param* p : llama.params()) add(hash, p->master.span<float>());
    return hash.digits();
}

struct Recording {
    std::string kernels;
    Dtype type;
    bool training;
    std::string key() const {
        return fmt::format("{} {} {}", exact_name(*find_kernels(kernels)), info(type).name,
                           training ? "training" : "requests");
    }
    std::string compute() const {
        ::setenv("PUNA_KERNELS", kernels.c_str(), 1);
        std::string digits = training ? hash_of_training(*find_kernels(kernels), type) : hash_of_requests(type);
        ::unsetenv("PUNA_KERNELS");
        return digits;
    }
};

void PrintTo(const Recording& recording, std::ostream* out) { *out << recording.key(); }

std::vector<Recording> recordings() {
    std::vector<Recording> list;
    for (const Kernels* table : test_tables())
        if (find_kernels(table->name))  // an engine uses only tables that PUNA_KERNELS can name, so no portable ones
            for (Dtype type : {Dtype::f32, Dtype::bf16})
                for (bool training : {false, true}) list.push_back({std::string(table->name), type, training});
    return list;
}

// The hash in tests/recorded.txt for a key; empty if it was never recorded.
std::string recorded(const std::string& key) {
    std::ifstream file("tests/recorded.txt");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key + " ")) return line.substr(key.size() + 1);
    return "";
}

class Recorded : public testing::TestWithParam<Recording> {};

TEST_P(Recorded, ResultsMatchTheRecordedHash) {
    if (!std::filesystem::exists(golden)) GTEST_SKIP() << golden.string() << " is missing";
    std::string expected = recorded(GetParam().key());
    if (expected.empty()) GTEST_SKIP() << "tests/recorded.txt has no line for these kernels: " << GetParam().key();
    EXPECT_EQ(GetParam().compute(), expected) << GetParam().key();
}

INSTANTIATE_TEST_SUITE_P(Bits, Recorded, testing::ValuesIn(recordings()), [](const auto& info) {
    std::string name = info.param.key();
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    return name;
});

}  // namespace
}  // namespace puna

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--print") {
        for (const puna::Recording& recording : puna::recordings()) {
            fmt::print("{} {}\n", recording.key(), recording.compute());
            std::fflush(stdout);
        }
        return 0;
    }
    if (argc == 2 && std::string_view(argv[1]) == "--tables") {
        for (const puna::Kernels* table : puna::test_tables())
            if (puna::find_kernels(table->name)) fmt::print("{}\n", table->name);
        return 0;
    }
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
