// A Llama written once more, as plainly as possible and in double precision: what the passes compute must agree with it
// for every feature that a config may have.
#include "model/initialize.h"
#include "model/test_model.h"

#include <gtest/gtest.h>

#include <cmath>

namespace puna {
namespace {

using Vector = std::vector<double>;

size_t at(int64_t i) { return static_cast<size_t>(i); }

// weight x + bias
Vector product(const Linear& linear, const Vector& x) {
    Vector y(at(linear.weight.weight.size[0]));
    for (size_t row = 0; row < y.size(); ++row) {
        if (linear.bias.weight) y[row] = static_cast<double>(linear.bias.weight.as<float>()[row]);
        for (size_t i = 0; i < x.size(); ++i)
            y[row] += static_cast<double>(linear.weight.weight.row<float>(static_cast<int64_t>(row))[i]) * x[i];
    }
    return y;
}

Vector normalized(const Param& norm, const Vector& x, double epsilon) {
    double squares = 0;
    for (double value : x) squares += value * value;
    double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + epsilon);
    Vector y;
    for (size_t i = 0; i < x.size(); ++i) y.push_back(x[i] * scale * static_cast<double>(norm.weight.as<float>()[i]));
    return y;
}

void rotate(Vector& x, int64_t position, int64_t head_dim, const RotaryFrequencies& rotary) {
    size_t half = at(head_dim / 2);
    for (size_t head = 0; head < x.size(); head += 2 * half)
        for (size_t j = 0; j < half; ++j) {
            double angle = static_cast<double>(position) * static_cast<double>(rotary.values[j]);
            double c = std::cos(angle), s = std::sin(angle), scale = static_cast<double>(rotary.attention_factor);
            double a = x[head + j], b = x[head + half + j];
            x[head + j] = (a * c - b * s) * scale;
            x[head + half + j] = (b * c + a * s) * scale;
        }
}

// Of one head over the keys and values so far: the mean of the values by the softmax of the scores.
void attend(Vector& out, int64_t head, const Config& c, const Vector& q, const std::vector<Vector>& k,
            const std::vector<Vector>& v) {
    int64_t first = head * c.head_dim, kv_first = head / (c.heads / c.kv_heads) * c.head_dim;
    double total = 0;
    Vector sum(at(c.head_dim));
    for (size_t t = 0; t < k.size(); ++t) {
        double score = 0;
        for (int64_t d = 0; d < c.head_dim; ++d) score += q[at(first + d)] * k[t][at(kv_first + d)];
        double weight = std::exp(score / std::sqrt(static_cast<double>(c.head_dim)));
        total += weight;
        for (int64_t d = 0; d < c.head_dim; ++d) sum[at(d)] += weight * v[t][at(kv_first + d)];
    }
    for (int64_t d = 0; d < c.head_dim; ++d) out[at(first + d)] = sum[at(d)] / total;
}

Vector feed_forward(const Layer& l, const Vector& x) {
    Vector gate = product(l.w1, x), up = product(l.w3, x);
    for (size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    return product(l.w2, gate);
}

void add_to(Vector& x, const Vector& change) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += change[i];
}

// The logits of the last token.
Vector reference_logits(const Llama& llama, const std::vector<int32_t>& tokens, int64_t context) {
    const Config& c = llama.config;
    RotaryFrequencies rotary = rotary_frequencies(c, context);
    std::vector<Vector> states;
    for (int32_t id : tokens) {
        const float* row = llama.tok_embeddings.weight.row<float>(id);
        states.emplace_back(row, row + c.dim);
    }
    for (const Layer& l : llama.layers) {
        std::vector<Vector> keys, values;
        for (size_t t = 0; t < states.size(); ++t) {
            Vector h = normalized(l.attention_norm, states[t], c.norm_epsilon), q = product(l.wq, h), out(q.size());
            keys.push_back(product(l.wk, h));
            values.push_back(product(l.wv, h));
            rotate(q, static_cast<int64_t>(t), c.head_dim, rotary);
            rotate(keys.back(), static_cast<int64_t>(t), c.head_dim, rotary);
            for (int64_t head = 0; head < c.heads; ++head) attend(out, head, c, q, keys, values);
            add_to(states[t], product(l.wo, out));
            add_to(states[t], feed_forward(l, normalized(l.ffn_norm, states[t], c.norm_epsilon)));
        }
    }
    return product(llama.output, normalized(llama.norm, states.back(), c.norm_epsilon));
}

struct Feature {
    const char* name;
    void (*change)(Config&);
    int64_t context = 0;
};
constexpr Feature features[] = {
    {"none", [](Config&) {}},
    {"biases of attention", [](Config& c) { c.attention_bias = true; }},
    {"biases of the MLP", [](Config& c) { c.mlp_bias = true; }},
    {"all biases, heads of 100", [](Config& c) { c.attention_bias = c.mlp_bias = true, c.head_dim = 100; }},
    {"linear", [](Config& c) { c.rope_scaling = {.kind = RopeKind::linear, .factor = 2}; }},
    {"dynamic", [](Config& c) { c.context = 4, c.rope_scaling = {.kind = RopeKind::dynamic, .factor = 4}; }, 16},
    {"yarn", [](Config& c) { c.rope_scaling = {.kind = RopeKind::yarn, .factor = 4, .original_context = 64}; }},
    {"longrope",
     [](Config& c) {
         c.rope_scaling = {.kind = RopeKind::longrope,
                           .factor = 4,
                           .original_context = 8,
                           .short_divisors = {1, 1, 1},
                           .long_divisors = {1, 2, 3}};
     },
     9}};

TEST(Reference, PassesComputeTheSameForEveryFeature) {
    std::vector<int32_t> tokens{1, 7, 30, 2, 2, 49, 3, 8, 12};
    for (const Kernels* table : available_kernels())
        for (const Feature& feature : features) {
            Config config = small_config(false);
            feature.change(config);
            Llama llama = seeded_llama(*table, config, 5, {});
            float next = 0;
            visit(config, llama, [&](auto& weight, const WeightInfo& info) {
                for (float& value : param_of(weight).weight.template span<float>())
                    value = info.is_vector() ? std::sin(next += 1) : 20 * value;
            });
            llama.set_context(feature.context);
            std::vector<float> logits = logits_of(llama, tokens.size());
            Vector expected = reference_logits(llama, tokens, feature.context);
            double largest = 0;
            for (double value : expected) largest = std::max(largest, std::abs(value));
            for (size_t i = 0; i < expected.size(); ++i)
                ASSERT_NEAR(static_cast<double>(logits[logits.size() - expected.size() + i]), expected[i],
                            2e-5 * largest)
                    << table->name << ": " << feature.name;
        }
}

}  // namespace
}  // namespace puna
