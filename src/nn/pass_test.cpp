#include "nn/pass.h"

#include "core/random.h"
#include "nn/ops.h"

#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

constexpr int64_t T = 7, D = 20;

// A trainable matrix [D, D] and norm [D].
class Weights {
 public:
    Weights() {
        matrix_.weight = normal({D, D}, 0.3f);
        matrix_.offset = 0;
        norm_.weight = normal({D});
        norm_.offset = D * D;
        batch_.tokens.assign(T, 0);
        batch_.sequences = {{0, T}};
        batch_.chunk = {0, 3, T};
    }

    const Batch& batch() const { return batch_; }
    int64_t elements() const { return D * D + D; }
    Tensor normal(std::initializer_list<int64_t> sizes, float deviation = 1) {
        Tensor x = arena_.tensor(Dtype::f32, sizes);
        for (float& value : x.span<float>()) value = random_.normal() * deviation;
        return x;
    }
    // Three segments of h + swiglu(u, u), u = norm(h) times the matrix.
    Value three_segments(Pass& pass, Value x) {
        for (int i = 0; i < 3; ++i)
            x = pass.segment(x, [&](Value h) {
                Value up = matmul(pass, rms_norm(pass, h, norm_, 1e-5f), matrix_);
                return add(pass, h, swiglu(pass, up, up));
            });
        return x;
    }

 private:
    Arena arena_{choose_kernels()};
    Random random_{5};
    Param matrix_, norm_;
    Batch batch_;
};

std::vector<float> values_of(std::span<const float> x) { return {x.begin(), x.end()}; }

TEST(Pass, GradientsOfAReusedValueAreSummed) {
    Weights weights;
    Gradients gradients(choose_kernels(), 1, {});
    Pass pass(choose_kernels(), &gradients);
    Tensor dout = weights.normal({T, D});
    Value x = pass.value(weights.normal({T, D})), y = swiglu(pass, x, x);  // x^2 sigmoid(x)
    pass.set_gradient(y, dout);
    pass.backward();
    for (int64_t i = 0; i < T * D; ++i) {
        double v = static_cast<double>(x.data.as<float>()[i]), s = 1 / (1 + std::exp(-v));
        EXPECT_NEAR(pass.gradient(x).as<float>()[i],
                    static_cast<double>(dout.as<float>()[i]) * (2 * v * s + v * v * s * (1 - s)), 1e-5);
    }
}

TEST(Pass, RecomputedSegmentsAreBitIdenticalToSavedOnes) {
    Weights weights;
    Tensor x = weights.normal({T, D}), dout = weights.normal({T, D});
    std::vector<std::vector<float>> results, input_gradients, weight_gradients;
    for (Activations activations : {Activations::keep, Activations::recompute}) {
        Gradients gradients(choose_kernels(), weights.elements(), {.chunks_per_pass = 2, .chunks_per_step = 2});
        Pass pass(choose_kernels(), &gradients, activations);
        pass.begin(weights.batch());
        Value input = pass.value(x), y = weights.three_segments(pass, input);
        results.push_back(values_of(y.data.span<float>()));
        Tensor seed = pass.gradient(y);
        pass.kernels.copy({}, seed.data, dout.data, static_cast<size_t>(dout.bytes()));
        pass.backward();
        input_gradients.push_back(values_of(pass.gradient(input).span<float>()));
        gradients.advance(2);
        weight_gradients.push_back(values_of(gradients.finish().span<float>()));
    }
    Pass inference(choose_kernels());
    inference.begin(weights.batch());
    EXPECT_EQ(values_of(weights.three_segments(inference, inference.value(x)).data.span<float>()), results[0]);
    EXPECT_EQ(results[1], results[0]);
    EXPECT_EQ(input_gradients[1], input_gradients[0]);
    EXPECT_EQ(weight_gradients[1], weight_gradients[0]);
}

TEST(Pass, AdditionalInferenceSegmentsOnlyAddTheirResults) {
    Weights weights;
    Pass pass(choose_kernels());
    Tensor x = weights.normal({T, D});
    pass.begin(weights.batch());
    weights.three_segments(pass, pass.value(x));
    size_t three = pass.arena.high_water();
    pass.begin(weights.batch());
    Value y = pass.value(x);
    for (int i = 0; i < 2; ++i) y = weights.three_segments(pass, y);
    size_t result = (static_cast<size_t>(T * D) * sizeof(float) + 63) / 64 * 64;
    EXPECT_EQ(pass.arena.high_water(), three + 3 * result);  // only the results of segments remain
}

TEST(Pass, BeginPreparesForTheNextBatch) {
    Weights weights;
    Gradients gradients(choose_kernels(), weights.elements(), {.chunks_per_pass = 2, .chunks_per_step = 2});
    Pass pass(choose_kernels(), &gradients);
    Tensor x = weights.normal({T, D}), dout = weights.normal({T, D});
    std::vector<std::vector<float>> sums;
    for (int step = 0; step < 2; ++step) {
        pass.begin(weights.batch());
        Value y = weights.three_segments(pass, pass.value(x));
        Tensor seed = pass.gradient(y);
        pass.kernels.copy({}, seed.data, dout.data, static_cast<size_t>(dout.bytes()));
        pass.backward();
        gradients.advance(2);
        sums.push_back(values_of(gradients.finish().span<float>()));
    }
    EXPECT_EQ(sums[1], sums[0]);
}

TEST(Pass, InputsOfMatricesAreObserved) {
    Weights weights;
    Pass pass(choose_kernels());
    Param norm{.weight = weights.normal({D})}, matrix{.name = "wq", .weight = weights.normal({5, D})};
    std::vector<std::string> names;
    std::vector<float> observed;
    pass.observe_matmul = [&](const Param& of, Tensor input) {
        names.push_back(of.name);
        observed = values_of(input.span<float>());
    };
    pass.begin(weights.batch());
    Value x = rms_norm(pass, pass.value(weights.normal({T, D})), norm, 1e-5f);
    matmul(pass, x, matrix);
    EXPECT_EQ(names, std::vector<std::string>{"wq"});
    EXPECT_EQ(observed, values_of(x.data.span<float>()));
}

TEST(Pass, UnrecordedValueHasNoGradient) {
    Weights weights;
    Pass pass(choose_kernels());
    EXPECT_THROW(pass.gradient(pass.value(weights.normal({T, D}))), Bug);
}

}  // namespace
}  // namespace puna
