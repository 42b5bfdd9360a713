// The reference kernels: each is written as its formula and never optimized. Letters as in kernels.h.
#include "kernels/cpu/scalar.h"

#include "core/math.h"
#include "core/threads.h"
#include "kernels/cpu/panels.h"
#include "kernels/cpu/tables.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace puna::scalar {

namespace {

// (included inside the namespace: each instruction set compiles its own)
#include "kernels/cpu/tree_sum.inl"

float exp(float x) { return static_cast<float>(exact::exp(x)); }
float log(float x) { return static_cast<float>(exact::log(x)); }
float sigmoid(float x) { return 1 / (1 + exp(-x)); }

void embed(Stream, Tensor out, Tensor table, Tensor ids) {
    int64_t D = out.columns();
    parallel_for(ids.count(), [&](int64_t t) {
        int32_t id = ids.as<int32_t>()[t];
        check(id >= 0 && id < table.size[0], "embed: token {} of {}", id, table.size[0]);
        std::vector<float> row = weight_row(table, id);
        std::copy_n(row.begin(), D, out.row<float>(t));
    });
}

// One row of the table at a time: the positions of its token in order, summed by chunk. Chunks without it add zeros.
void embed_backward(Stream, const TreeSum& dtable, Tensor dout, Tensor ids) {
    int64_t D = dout.columns(), V = 0;
    for (const Tensor& level : dtable.level)
        if (level) V = level.size[0];
    std::vector<std::vector<int64_t>> positions_of(static_cast<size_t>(V));
    for (int64_t t = dtable.chunk.front(); t < dtable.chunk.back(); ++t)
        positions_of[static_cast<size_t>(ids.as<int32_t>()[t])].push_back(t);
    parallel_for(V, [&](int64_t v) {
        std::vector<float> part(static_cast<size_t>(D)),
            scratch(static_cast<size_t>(TreeTile::scratch_levels(dtable) * D));
        TreeTile tile{dtable, v, 0, 1, D, D, scratch.data()};
        auto at = positions_of[static_cast<size_t>(v)].begin();
        for (int64_t c = 0; c < dtable.chunks(); ++c) {
            std::fill(part.begin(), part.end(), 0.0f);
            for (; at != positions_of[static_cast<size_t>(v)].end() && *at < dtable.chunk[static_cast<size_t>(c) + 1];
                 ++at)
                for (int64_t d = 0; d < D; ++d) part[static_cast<size_t>(d)] += dout.row<float>(*at)[d];
            tile.push(c, part.data());
        }
    });
}

void rms_norm(Stream, Tensor out, Tensor scale, Tensor x, Tensor w, float epsilon) {
    int64_t D = x.columns();
    check(w.count() == D && out.rows() == x.rows(), "rms_norm: {} of {} with {}", out, x, w);
    parallel_for(x.rows(), [&](int64_t t) {
        const float* row = x.row<float>(t);
        float squares = 0;
        for (int64_t d = 0; d < D; ++d) squares += row[d] * row[d];
        float s = 1 / std::sqrt(squares / static_cast<float>(D) + epsilon);
        for (int64_t d = 0; d < D; ++d) out.row<float>(t)[d] = row[d] * s * w.as<float>()[d];
        scale.as<float>()[t] = s;
    });
}

// dx += s * (w * dout - x * s^2 * mean(w * dout * x)); dw = sum over tokens of dout * x * s
void rms_norm_backward(Stream, Tensor dx, const TreeSum& dw, Tensor dout, Tensor x, Tensor w, Tensor scale) {
    int64_t D = x.columns();
    const float* weight = w.as<float>();
    parallel_for(x.rows(), [&](int64_t t) {
        const float *row = x.row<float>(t), *d_row = dout.row<float>(t);
        float s = scale.as<float>()[t], sum = 0;
        for (int64_t d = 0; d < D; ++d) sum += d_row[d] * weight[d] * row[d];
        float pull = sum * s * s / static_cast<float>(D);
        for (int64_t d = 0; d < D; ++d) dx.row<float>(t)[d] += s * (d_row[d] * weight[d] - row[d] * pull);
    });
    std::vector<float> part(static_cast<size_t>(D)), scratch(static_cast<size_t>(TreeTile::scratch_levels(dw) * D));
    TreeTile tile{dw, 0, 0, 1, D, D, scratch.data()};
    for (int64_t c = 0; c < dw.chunks(); ++c) {
        std::fill(part.begin(), part.end(), 0.0f);
        for (int64_t t = dw.chunk[static_cast<size_t>(c)]; t < dw.chunk[static_cast<size_t>(c) + 1]; ++t)
            for (int64_t d = 0; d < D; ++d)
                part[static_cast<size_t>(d)] += dout.row<float>(t)[d] * x.row<float>(t)[d] * scale.as<float>()[t];
        tile.push(c, part.data());
    }
}

void add_bias(Stream, Tensor x, Tensor bias) {
    check(bias.count() == x.columns(), "add_bias: {} to {}", bias, x);
    parallel_for(x.rows(), [&](int64_t t) {
        for (int64_t d = 0; d < x.columns(); ++d) x.row<float>(t)[d] += bias.as<float>()[d];
    });
}

void bias_gradient(Stream, const TreeSum& dbias, Tensor dout) {
    int64_t D = dout.columns();
    std::vector<float> part(static_cast<size_t>(D)), scratch(static_cast<size_t>(TreeTile::scratch_levels(dbias) * D));
    TreeTile tile{dbias, 0, 0, 1, D, D, scratch.data()};
    for (int64_t c = 0; c < dbias.chunks(); ++c) {
        std::fill(part.begin(), part.end(), 0.0f);
        for (int64_t t = dbias.chunk[static_cast<size_t>(c)]; t < dbias.chunk[static_cast<size_t>(c) + 1]; ++t)
            for (int64_t d = 0; d < D; ++d) part[static_cast<size_t>(d)] += dout.row<float>(t)[d];
        tile.push(c, part.data());
    }
}

void rotary_angles(Stream, Tensor angles, Tensor positions, Tensor frequencies, float scale) {
    int64_t P = frequencies.count();
    parallel_for(positions.count(), [&](int64_t t) {
        for (int64_t p = 0; p < P; ++p) {
            float angle = static_cast<float>(positions.as<int32_t>()[t]) * frequencies.as<float>()[p];
            angles.as<float>()[t * 2 * P + p] = static_cast<float>(exact::cos(angle)) * scale;
            angles.as<float>()[t * 2 * P + P + p] = static_cast<float>(exact::sin(angle)) * scale;
        }
    });
}

void rope(Stream, Tensor x, Tensor angles, bool inverse) {
    int64_t T = x.rows(), P = angles.count() / (2 * std::max<int64_t>(T, 1)), heads = x.columns() / (2 * P);
    check(heads * 2 * P == x.columns(), "rope: {} with {}", x, angles);
    parallel_for(T, [&](int64_t t) {
        for (int64_t h = 0; h < heads; ++h)
            for (int64_t p = 0; p < P; ++p) {
                float* a = x.row<float>(t) + h * 2 * P + p;
                float* b = a + P;
                float c = angles.as<float>()[t * 2 * P + p], sine = angles.as<float>()[t * 2 * P + P + p];
                float s = inverse ? -sine : sine, first = *a, second = *b;
                *a = first * c - second * s;
                *b = first * s + second * c;
            }
    });
}

void swiglu(Stream, Tensor out, Tensor gate, Tensor up) {
    parallel_for(out.rows(), [&](int64_t t) {
        for (int64_t d = 0; d < out.columns(); ++d) {
            float g = gate.row<float>(t)[d];
            out.row<float>(t)[d] = g * sigmoid(g) * up.row<float>(t)[d];
        }
    });
}

void swiglu_backward(Stream, Tensor dgate, Tensor dup, Tensor dout, Tensor gate, Tensor up) {
    parallel_for(dout.rows(), [&](int64_t t) {
        for (int64_t d = 0; d < dout.columns(); ++d) {
            float g = gate.row<float>(t)[d], s = sigmoid(g), d_out = dout.row<float>(t)[d];
            dgate.row<float>(t)[d] += d_out * up.row<float>(t)[d] * s * (1 + g * (1 - s));
            dup.row<float>(t)[d] += d_out * g * s;
        }
    });
}

// Replaces x by exp(x - max(x)). Returns the sum; *largest receives the maximum.
float exponentials(float* x, int64_t n, float* largest) {
    *largest = *std::max_element(x, x + n);
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += x[i] = exp(x[i] - *largest);
    return sum;
}

void softmax(Stream, Tensor x) {
    parallel_for(x.rows(), [&](int64_t t) {
        float* row = x.row<float>(t);
        float largest, sum = exponentials(row, x.columns(), &largest);
        for (int64_t v = 0; v < x.columns(); ++v) row[v] /= sum;
    });
}

void cross_entropy(Stream, Tensor loss, Tensor logits, Tensor targets) {
    parallel_for(logits.rows(), [&](int64_t t) {
        int32_t target = targets.as<int32_t>()[t];
        const float* row = logits.row<float>(t);
        float largest = *std::max_element(row, row + logits.columns()), sum = 0;
        for (int64_t v = 0; v < logits.columns(); ++v) sum += exp(row[v] - largest);
        loss.as<float>()[t] = target < 0 ? 0 : log(sum) + largest - row[target];
    });
}

void cross_entropy_backward(Stream, Tensor loss, Tensor logits, Tensor targets, float seed) {
    parallel_for(logits.rows(), [&](int64_t t) {
        int32_t target = targets.as<int32_t>()[t];
        float* row = logits.row<float>(t);
        if (target < 0) {
            std::fill(row, row + logits.columns(), 0.0f);
            loss.as<float>()[t] = 0;
            return;
        }
        float target_logit = row[target], largest, sum = exponentials(row, logits.columns(), &largest);
        loss.as<float>()[t] = log(sum) + largest - target_logit;
        for (int64_t v = 0; v < logits.columns(); ++v) row[v] = (row[v] / sum - (v == target ? 1.0f : 0.0f)) * seed;
    });
}

constexpr int64_t task_size = 1 << 14;  // elements per task of elementwise kernels

void add(Stream, Tensor out, Tensor a, Tensor b) {
    check(out.count() == a.count() && a.count() == b.count(), "add: {} = {} + {}", out, a, b);
    parallel_for(out.count(), task_size, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) out.as<float>()[i] = a.as<float>()[i] + b.as<float>()[i];
    });
}

void add_scaled(Stream, Tensor out, Tensor x, float factor) {
    check(out.count() == x.count(), "add_scaled: {} += {}", out, x);
    parallel_for(out.count(), task_size, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) out.as<float>()[i] += factor * x.as<float>()[i];
    });
}

void convert(Stream, Tensor out, Tensor x) {
    check(out.count() == x.count(), "convert: {} = {}", out, x);
    with_type(out.dtype, [&]<class To>() {
        with_type(x.dtype, [&]<class From>() {
            parallel_for(out.count(), task_size, [&](int64_t first, int64_t last) {
                for (int64_t i = first; i < last; ++i) out.as<To>()[i] = To(static_cast<float>(x.as<From>()[i]));
            });
        });
    });
}

double sum_of_squares(Stream, Tensor x) {
    std::vector<double> sums(static_cast<size_t>((x.count() + task_size - 1) / task_size));
    parallel_for(x.count(), task_size, [&](int64_t first, int64_t last) {
        double sum = 0;
        for (int64_t i = first; i < last; ++i) sum += static_cast<double>(x.as<float>()[i]) * x.as<float>()[i];
        sums[static_cast<size_t>(first / task_size)] = sum;
    });
    double total = 0;
    for (double sum : sums) total += sum;
    return total;
}

void adamw(Stream, Tensor weight, Tensor m, Tensor v, Tensor gradient, const AdamW& s) {
    check(weight.count() == gradient.count() && m.count() == v.count(), "adamw: {} by {}", weight, gradient);
    parallel_for(weight.count(), task_size, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
            float g = gradient.as<float>()[i] * s.gradient_scale;
            float& mi = m.as<float>()[i];
            float& vi = v.as<float>()[i];
            float& wi = weight.as<float>()[i];
            mi = s.beta1 * mi + (1 - s.beta1) * g;
            vi = s.beta2 * vi + (1 - s.beta2) * g * g;
            wi -= s.learning_rate * s.weight_decay * wi;
            wi -= s.learning_rate * (mi / s.correction1) / (std::sqrt(vi / s.correction2) + s.epsilon);
        }
    });
}

}  // namespace
}  // namespace puna::scalar

namespace puna {

namespace {

constexpr ProductTable plain_products() {
    ProductTable table{};
    for (Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16})
        table[dtype] = {scalar::matmul, scalar::matmul_input_gradient};
    return table;
}

}  // namespace

const Kernels scalar_kernels = {
    .name = "scalar",
    .extensions = "",
    .probes = {.f32 = scalar::probe_f32,
               .bf16 = nullptr,
               .int8 = scalar::probe_int8,
               .int4 = scalar::probe_int8,
               .read = scalar::probe_read},
    .memory = {.host_access = true, .mapped_files = true, .allocate = cpu::allocate, .release = cpu::release},
    .copy = cpu::copy,
    .zero = cpu::zero,
    .synchronize = cpu::synchronize,
    .embed = scalar::embed,
    .embed_backward = scalar::embed_backward,
    .products = plain_products(),
    .dequantized = {scalar::matmul, scalar::matmul_input_gradient},
    .panel_rows = 4,
    .pack = cpu::pack,
    .unpack = cpu::unpack,
    .matmul_weight_gradient = scalar::matmul_weight_gradient,
    .rms_norm = scalar::rms_norm,
    .rms_norm_backward = scalar::rms_norm_backward,
    .rotary_angles = scalar::rotary_angles,
    .rope = scalar::rope,
    .append_kv = scalar::append_kv,
    .page_bytes = scalar::page_bytes,
    .attention = scalar::attention,
    .attention_backward = scalar::attention_backward,
    .swiglu = scalar::swiglu,
    .swiglu_backward = scalar::swiglu_backward,
    .softmax = scalar::softmax,
    .cross_entropy = scalar::cross_entropy,
    .cross_entropy_backward = scalar::cross_entropy_backward,
    .add_bias = scalar::add_bias,
    .bias_gradient = scalar::bias_gradient,
    .add = scalar::add,
    .add_scaled = scalar::add_scaled,
    .convert = scalar::convert,
    .dequantize = scalar::dequantize,
    .quantize = scalar::quantize,
    .sum_of_squares = scalar::sum_of_squares,
    .adamw = scalar::adamw,
};

}  // namespace puna
