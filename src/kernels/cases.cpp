#include "kernels/cases.h"

#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace puna {

namespace {

constexpr Dtype float_types[] = {Dtype::f32, Dtype::bf16, Dtype::f16};

// Tensors of random numbers, and the calls made of them.
class CaseMaker {
 public:
    CaseMaker(const CaseSizes& sizes, Arena& memory, const std::function<bool(std::string_view)>& wanted)
        : s_(sizes), memory_(memory), wanted_(wanted) {}

    std::vector<KernelCase> make() {
        if (wants({"embed", "embed_backward"})) embedding();
        if (wants({"matmul", "matmul_input_gradient", "matmul_weight_gradient"}))
            for (Dtype dtype : float_types) matmuls(dtype);
        if (wants({"rms_norm", "rms_norm_backward"})) norms();
        if (wants({"rotary_angles", "rope"})) rotations();
        if (wants({"attention", "attention_backward"})) attentions();
        if (wants({"swiglu", "swiglu_backward"})) feed_forward();
        if (wants({"softmax", "cross_entropy", "cross_entropy_backward"})) losses();
        if (wants({"add", "add_scaled", "convert", "sum_of_squares", "adamw"})) flat();
        return std::move(cases_);
    }

 private:
    bool wants(std::initializer_list<std::string_view> kernels) const {
        return !wanted_ || std::any_of(kernels.begin(), kernels.end(), wanted_);
    }
    Tensor empty(Dtype dtype, std::initializer_list<int64_t> sizes) {
        Tensor shape(nullptr, dtype, sizes);
        int64_t shift = s_.misaligned ? 4 : 0;
        shape.data = static_cast<std::byte*>(memory_.tensor(Dtype::u8, {shape.bytes() + shift}).data) + shift;
        return shape;
    }
    Tensor random(Dtype dtype, std::initializer_list<int64_t> sizes, float deviation = 1) {
        Tensor x = empty(dtype, sizes);
        with_type(dtype, [&]<class T>() {
            std::span<T> all = x.span<T>();
            for (size_t i = 0; i < all.size(); ++i)
                all[i] = i < 65536 ? T(random_.normal() * deviation) : all[i - 65536];
        });
        return x;
    }
    Tensor floats(std::initializer_list<int64_t> sizes, float deviation = 1) {
        return random(Dtype::f32, sizes, deviation);
    }
    Tensor integers(int64_t n, int64_t low, int64_t high) {
        Tensor x = empty(Dtype::i32, {n});
        for (int32_t& value : x.span<int32_t>())
            value = static_cast<int32_t>(low + static_cast<int64_t>(random_.below(static_cast<uint64_t>(high - low))));
        return x;
    }

    void note(std::string kernel, std::string detail, double operations, std::vector<Tensor> inputs,
              std::vector<Tensor> outputs, std::function<void(const Kernels&)> run) {
        if (wanted_ && !wanted_(kernel)) return;
        double bytes = 0;
        for (const Tensor& x : inputs) bytes += static_cast<double>(x.bytes());
        for (const Tensor& x : outputs) bytes += static_cast<double>(x.bytes());
        cases_.push_back({std::move(kernel), std::move(detail), operations, bytes, std::move(outputs), std::move(run)});
    }

    // A gradient summed over three uneven chunks, the first of which finds one chunk already there.
    struct Sum {
        std::vector<Tensor> level;
        std::vector<int64_t> chunk;
        bool running;
        TreeSum sum() const { return {level, 1, chunk, running}; }
        std::vector<Tensor> kept() const { return running ? level : std::vector{level[0], level[2]}; }
    };
    Sum sum_of(std::initializer_list<int64_t> shape, bool running) {
        int64_t T = s_.tokens;
        std::vector<int64_t> chunk{0, T / 3, T / 3 + T / 2, T};
        if (running) return {{floats(shape)}, chunk, true};
        return {{floats(shape), Tensor(), floats(shape)}, chunk, false};  // 1 + 3 chunks: level 2 is left
    }

    // One case for a tree and one for a running sum of a weight's gradient.
    void note_sums(std::string kernel, std::string detail, double operations, std::vector<Tensor> inputs,
                   std::vector<Tensor> outputs, std::initializer_list<int64_t> shape,
                   std::function<void(const Kernels&, const TreeSum&)> run) {
        for (bool running : {false, true}) {
            Sum dw = sum_of(shape, running);
            std::vector<Tensor> all = outputs;
            for (const Tensor& level : dw.kept()) all.push_back(level);
            note(kernel, detail + (running ? ", running" : ""), operations, inputs, all,
                 [=](const Kernels& k) { run(k, dw.sum()); });
        }
    }

    void embedding() {
        int64_t T = s_.tokens, D = s_.dim, V = s_.vocabulary;
        Tensor out = empty(Dtype::f32, {T, D}), dout = floats({T, D}), ids = integers(T, 0, V);
        for (Dtype dtype : float_types) {
            Tensor table = random(dtype, {V, D});
            note("embed", table.shape(), 0, {out, ids}, {out}, [=](const Kernels& k) { k.embed({}, out, table, ids); });
        }
        note_sums("embed_backward", dout.shape(), 0, {dout, ids}, {}, {V, D},
                  [=](const Kernels& k, const TreeSum& dtable) { k.embed_backward({}, dtable, dout, ids); });
    }

    void matmuls(Dtype dtype) {
        int64_t T = s_.tokens, D = s_.dim, O = s_.out;
        double operations = 2.0 * static_cast<double>(T) * static_cast<double>(D) * static_cast<double>(O);
        Tensor x = floats({T, D}), w = random(dtype, {O, D}, 1 / std::sqrt(static_cast<float>(D)));
        Tensor out = empty(Dtype::f32, {T, O}), dout = floats({T, O}), dx = floats({T, D});
        std::string detail = fmt::format("{} x {}", x, w);
        note("matmul", detail, operations, {x, w}, {out}, [=](const Kernels& k) { k.matmul({}, out, x, w); });
        note("matmul_input_gradient", detail, operations, {dout, w}, {dx},
             [=](const Kernels& k) { k.matmul_input_gradient({}, dx, dout, w); });
        if (dtype == Dtype::f16) return;
        note_sums("matmul_weight_gradient", detail, operations, {dout, x}, {}, {O, D},
                  [=](const Kernels& k, const TreeSum& dw) { k.matmul_weight_gradient({}, dw, dout, x, dtype); });
    }

    void norms() {
        int64_t T = s_.tokens, D = s_.dim;
        Tensor x = floats({T, D}), w = floats({D}), out = empty(Dtype::f32, {T, D}), scale = random(Dtype::f32, {T});
        Tensor dout = floats({T, D}), dx = floats({T, D});
        double numbers = static_cast<double>(x.count());
        note("rms_norm", x.shape(), 4 * numbers, {x}, {out, scale},
             [=](const Kernels& k) { k.rms_norm({}, out, scale, x, w, 1e-5f); });
        note_sums("rms_norm_backward", x.shape(), 10 * numbers, {x, dout}, {dx}, {D},
                  [=](const Kernels& k, const TreeSum& dw) { k.rms_norm_backward({}, dx, dw, dout, x, w, scale); });
    }

    void rotations() {
        int64_t T = s_.tokens, P = s_.head_dim / 2;
        Tensor positions = integers(T, 0, 9000), frequencies = empty(Dtype::f32, {P}),
               angles = empty(Dtype::f32, {T, 2, P});
        for (int64_t p = 0; p < P; ++p)
            frequencies.as<float>()[p] = std::pow(500000.0f, -static_cast<float>(p) / static_cast<float>(P));
        note("rotary_angles", angles.shape(), 0, {positions}, {angles},
             [=](const Kernels& k) { k.rotary_angles({}, angles, positions, frequencies); });
        for (RotaryPairs pairs : {RotaryPairs::neighbors, RotaryPairs::halves})
            for (bool inverse : {false, true}) {
                Tensor x = floats({T, s_.heads * s_.head_dim}), turns = floats({T, 2, P});
                std::string detail = fmt::format("{} {}{}", x, pairs == RotaryPairs::halves ? "halves" : "neighbors",
                                                 inverse ? ", inverse" : "");
                note("rope", detail, 3.0 * static_cast<double>(x.count()), {x}, {x},
                     [=](const Kernels& k) { k.rope({}, x, turns, pairs, inverse); });
            }
    }

    // Two sequences, one of them a single token; with `cached` keys before the first one's queries.
    void attentions() {
        int64_t T = s_.tokens, dim = s_.heads * s_.head_dim, kv_dim = s_.kv_heads * s_.head_dim,
                keys = T - 1 + s_.cached;
        AttentionShape shape{s_.heads, s_.kv_heads, s_.head_dim};
        Tensor q = floats({T, dim}), k = floats({keys + 1, kv_dim}), v = floats({keys + 1, kv_dim});
        Tensor out = empty(Dtype::f32, {T, dim}), lse = empty(Dtype::f32, {T, s_.heads});
        std::vector<AttentionSpan> spans{{0, T - 1, k.as<float>(), v.as<float>(), keys},
                                         {T - 1, 1, k.row<float>(keys), v.row<float>(keys), 1}};
        double pairs = static_cast<double>(T - 1) * (static_cast<double>(s_.cached) + static_cast<double>(T) / 2);
        double operations = 4 * pairs * static_cast<double>(dim);
        std::string detail = fmt::format("{} heads, {} kv, {}", q, s_.kv_heads, s_.cached);
        note("attention", detail, operations, {q, k, v}, {out, lse},
             [=](const Kernels& kernels) { kernels.attention({}, out, lse, q, spans, shape); });
        if (s_.cached) return;
        Tensor kept = empty(Dtype::f32, {T, dim}), kept_lse = empty(Dtype::f32, {T, s_.heads}), dout = floats({T, dim});
        scalar_or_best().attention({}, kept, kept_lse, q, spans, shape);
        Tensor dq = floats({T, dim}), dk = floats({T, kv_dim}), dv = floats({T, kv_dim});
        note("attention_backward", detail, 2.5 * operations, {q, k, v, dout}, {dq, dk, dv},
             [=](const Kernels& kernels) {
                 kernels.attention_backward({}, dq, dk, dv, dout, kept, kept_lse, q, spans, shape);
             });
    }
    // The forward pass that a gradient's case needs: the reference, unless it would take minutes.
    const Kernels& scalar_or_best() const {
        return s_.tokens > 100 ? *available_kernels().front() : *available_kernels().back();
    }

    void feed_forward() {
        Tensor gate = floats({s_.tokens, s_.ffn}, 3), up = floats({s_.tokens, s_.ffn}),
               out = empty(Dtype::f32, {s_.tokens, s_.ffn});
        Tensor dout = floats({s_.tokens, s_.ffn}), dgate = floats({s_.tokens, s_.ffn}),
               dup = floats({s_.tokens, s_.ffn});
        double numbers = static_cast<double>(out.count());
        note("swiglu", out.shape(), 15 * numbers, {gate, up}, {out},
             [=](const Kernels& k) { k.swiglu({}, out, gate, up); });
        note("swiglu_backward", out.shape(), 20 * numbers, {gate, up, dout}, {dgate, dup},
             [=](const Kernels& k) { k.swiglu_backward({}, dgate, dup, dout, gate, up); });
    }

    void losses() {
        int64_t T = s_.tokens, V = s_.vocabulary;
        Tensor targets = integers(T, -1, V), loss = empty(Dtype::f32, {T}), same = floats({T, V}, 3);
        Tensor softened = floats({T, V}, 3), changed = floats({T, V}, 3), losses = empty(Dtype::f32, {T});
        double numbers = static_cast<double>(same.count());
        note("softmax", same.shape(), 15 * numbers, {softened}, {softened},
             [=](const Kernels& k) { k.softmax({}, softened); });
        note("cross_entropy", same.shape(), 15 * numbers, {same}, {loss},
             [=](const Kernels& k) { k.cross_entropy({}, loss, same, targets); });
        note("cross_entropy_backward", same.shape(), 15 * numbers, {changed}, {losses, changed},
             [=](const Kernels& k) { k.cross_entropy_backward({}, losses, changed, targets, 0.125f); });
    }

    void flat() {
        int64_t n = s_.tokens * s_.dim;
        Tensor a = floats({n}), b = floats({n}), out = empty(Dtype::f32, {n}), total = floats({n});
        Tensor w = floats({n}), m = floats({n}), v = floats({n}), squares = empty(Dtype::f32, {1});
        for (float& x : v.span<float>()) x = x * x;
        double numbers = static_cast<double>(n);
        note("add", a.shape(), numbers, {a, b}, {out}, [=](const Kernels& k) { k.add({}, out, a, b); });
        note("add_scaled", a.shape(), 2 * numbers, {a, total}, {total},
             [=](const Kernels& k) { k.add_scaled({}, total, a, 0.3f); });
        for (Dtype from : float_types) {  // loading and saving know every pair
            Tensor x = random(from, {n});
            for (Dtype to : float_types) {
                Tensor converted(out.data, to, {n});
                note("convert", fmt::format("{} to {}", info(from).name, info(to).name), 0, {x}, {converted},
                     [=](const Kernels& k) { k.convert({}, converted, x); });
            }
        }
        note("sum_of_squares", a.shape(), 2 * numbers, {a}, {squares},
             [=](const Kernels& k) { squares.as<float>()[0] = static_cast<float>(k.sum_of_squares({}, a)); });
        AdamW step{.learning_rate = 1e-3f,
                   .beta1 = 0.9f,
                   .beta2 = 0.95f,
                   .epsilon = 1e-8f,
                   .weight_decay = 0.1f,
                   .correction1 = 0.3f,
                   .correction2 = 0.2f,
                   .gradient_scale = 0.5f};
        note("adamw", a.shape(), 15 * numbers, {w, m, v, b}, {w, m, v},
             [=](const Kernels& k) { k.adamw({}, w, m, v, b, step); });
    }

    CaseSizes s_;
    Arena& memory_;
    const std::function<bool(std::string_view)>& wanted_;
    Random random_{42};
    std::vector<KernelCase> cases_;
};

}  // namespace

std::vector<KernelCase> kernel_cases(const CaseSizes& sizes, Arena& memory,
                                     const std::function<bool(std::string_view)>& wanted) {
    return CaseMaker(sizes, memory, wanted).make();
}

}  // namespace puna
