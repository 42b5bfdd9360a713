// Each row of a result is bit-identical for any other rows in the call and any number of threads.
#include "core/random.h"
#include "core/threads.h"
#include "kernels/arena.h"
#include "kernels/testing/tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

namespace puna {
namespace {

// Sizes for both matmul strategies (cpu/matmul.inl): all rows, or 511 on one thread, by rows; fewer by panels.
constexpr int64_t all_rows = 1100, in = 520, out = 96, vocabulary = 77;

// Computes rows first .. first + n of a row-wise kernel; `outputs` are whole tensors.
struct RowKernel {
    std::string name;
    std::vector<Tensor> outputs;
    std::function<void(const Kernels& k, int64_t first, int64_t n)> run;
};

class RowKernels {
 public:
    std::vector<RowKernel> make() {
        for (Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16}) products(dtype);
        norms();
        feed_forward();
        losses();
        return kernels_;
    }

 private:
    Tensor random(Dtype dtype, std::initializer_list<int64_t> sizes) {
        Tensor x = memory_.tensor(dtype, sizes);
        with_type(dtype, [&]<class T>() {
            for (T& value : x.span<T>()) value = T(random_.normal());
        });
        return x;
    }
    Tensor rows(int64_t columns) { return random(Dtype::f32, {all_rows, columns}); }

    void products(Dtype dtype) {
        Tensor x = rows(in), w = random(dtype, {out, in}), y = rows(out), dy = rows(in),
               wide = random(dtype, {in, out}), dx = rows(out);
        std::string type = " " + std::string(info(dtype).name);
        kernels_.push_back({"matmul" + type, {y}, [=](const Kernels& k, int64_t first, int64_t n) {
                                k.matmul({}, y.slice(first, n), x.slice(first, n), w);
                            }});
        kernels_.push_back({"matmul_input_gradient" + type, {dx}, [=](const Kernels& k, int64_t first, int64_t n) {
                                k.matmul_input_gradient({}, dx.slice(first, n), dy.slice(first, n), wide);
                            }});
    }

    void norms() {
        Tensor x = rows(out), w = random(Dtype::f32, {out}), y = rows(out), scale = random(Dtype::f32, {all_rows});
        Tensor dy = rows(out), dx = rows(out), saved_scale = random(Dtype::f32, {all_rows});
        kernels_.push_back({"rms_norm", {y, scale}, [=](const Kernels& k, int64_t first, int64_t n) {
                                k.rms_norm({}, y.slice(first, n), scale.slice(first, n), x.slice(first, n), w, 1e-5f);
                            }});
        kernels_.push_back({"rms_norm_backward", {dx}, [=](const Kernels& k, int64_t first, int64_t n) {
                                k.rms_norm_backward({}, dx.slice(first, n), {}, dy.slice(first, n), x.slice(first, n),
                                                    w, saved_scale.slice(first, n));
                            }});
    }

    void feed_forward() {
        Tensor gate = rows(85), up = rows(85), y = rows(85), dy = rows(85), dgate = rows(85), dup = rows(85);
        kernels_.push_back({"swiglu", {y}, [=](const Kernels& k, int64_t first, int64_t n) {
                                k.swiglu({}, y.slice(first, n), gate.slice(first, n), up.slice(first, n));
                            }});
        kernels_.push_back({"swiglu_backward", {dgate, dup}, [=](const Kernels& k, int64_t first, int64_t n) {
                                k.swiglu_backward({}, dgate.slice(first, n), dup.slice(first, n), dy.slice(first, n),
                                                  gate.slice(first, n), up.slice(first, n));
                            }});
    }

    void losses() {
        Tensor logits = rows(vocabulary), gradient = rows(vocabulary), probabilities = rows(vocabulary);
        Tensor loss = random(Dtype::f32, {all_rows}), losses = random(Dtype::f32, {all_rows}),
               targets = memory_.tensor(Dtype::i32, {all_rows});
        for (int32_t& target : targets.span<int32_t>())
            target = static_cast<int32_t>(random_.below(vocabulary + 1)) - 1;
        kernels_.push_back({"softmax", {probabilities}, [=](const Kernels& k, int64_t first, int64_t n) {
                                k.softmax({}, probabilities.slice(first, n));
                            }});
        kernels_.push_back({"cross_entropy", {loss}, [=](const Kernels& k, int64_t first, int64_t n) {
                                k.cross_entropy({}, loss.slice(first, n), logits.slice(first, n),
                                                targets.slice(first, n));
                            }});
        kernels_.push_back(
            {"cross_entropy_backward", {losses, gradient}, [=](const Kernels& k, int64_t first, int64_t n) {
                 k.cross_entropy_backward({}, losses.slice(first, n), gradient.slice(first, n), targets.slice(first, n),
                                          0.125f);
             }});
    }

    Arena memory_{choose_kernels()};
    Random random_{3};
    std::vector<RowKernel> kernels_;
};

using Bytes = std::vector<std::byte>;

void restore(const RowKernel& kernel, const std::vector<Bytes>& before) {
    for (size_t i = 0; i < before.size(); ++i) std::memcpy(kernel.outputs[i].data, before[i].data(), before[i].size());
}

// Expected outputs of a call for n rows: these rows as in `together`, the others unchanged.
std::vector<Bytes> expected_of(const std::vector<Bytes>& before, const std::vector<Bytes>& together, int64_t first,
                               int64_t n) {
    std::vector<Bytes> expected = before;
    for (size_t i = 0; i < before.size(); ++i) {
        size_t row = before[i].size() / all_rows, at = static_cast<size_t>(first) * row;
        std::memcpy(expected[i].data() + at, together[i].data() + at, static_cast<size_t>(n) * row);
    }
    return expected;
}

void expect_independent_rows(const RowKernel& kernel, const Kernels& table) {
    auto outputs = [&] {
        std::vector<Bytes> list;
        for (const Tensor& x : kernel.outputs) list.push_back(contents_of(x));
        return list;
    };
    std::vector<Bytes> before = outputs();
    set_threads(1);
    kernel.run(table, 0, all_rows);
    std::vector<Bytes> together = outputs();
    bool slow = is_slow(table);
    for (int n_threads : slow ? std::vector{2} : std::vector{1, 2, 3}) {
        set_threads(n_threads);
        for (int64_t n : slow ? std::vector<int64_t>{7} : std::vector<int64_t>{1, 7, 511, all_rows}) {
            int64_t first = std::min<int64_t>(13, all_rows - n);
            restore(kernel, before);
            kernel.run(table, first, n);
            EXPECT_TRUE(outputs() == expected_of(before, together, first, n))
                << table.name << " " << kernel.name << ", " << n << " rows, " << n_threads << " threads";
        }
    }
    restore(kernel, before);
    set_threads(0);
}

TEST(Kernels, RowsAreBitIdenticalAloneAndTogetherOnAnyNumberOfThreads) {
    RowKernels kernels;
    for (const RowKernel& kernel : kernels.make())
        for (const Kernels* table : test_tables()) expect_independent_rows(kernel, *table);
}

}  // namespace
}  // namespace puna
