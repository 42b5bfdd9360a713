#include "kernels/cases.h"

#include "core/blocks.h"
#include "core/checked.h"
#include "core/random.h"
#include "kernels/host_copy.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace puna {

namespace {

constexpr Dtype float_types[] = {Dtype::f32, Dtype::bf16, Dtype::f16};

// Makes random tensors and the calls on them.
class CaseMaker {
 public:
    CaseMaker(const CaseSizes& sizes, Arena& memory, const std::function<bool(std::string_view)>& filter)
        : s_(sizes), memory_(memory), filter_(filter) {}

    std::vector<KernelCase> make() {
        if (includes({"embed", "embed_backward"})) embedding();
        if (includes({"matmul", "matmul_input_gradient", "matmul_weight_gradient", "pack", "unpack"}))
            for (Dtype dtype : float_types) matmuls(dtype);
        if (includes({"rms_norm", "rms_norm_backward"})) norms();
        if (includes({"add_bias", "bias_gradient"})) biases();
        if (includes({"rotary_angles", "rope"})) rotary_embeddings();
        if (includes({"attention", "attention_backward"})) attentions();
        if (includes({"append_kv"}))
            for (Dtype dtype : {Dtype::f32, Dtype::bf16}) caches(dtype);
        if (includes({"swiglu", "swiglu_backward"})) feed_forward();
        if (includes({"softmax", "cross_entropy", "cross_entropy_backward"})) losses();
        if (includes({"add", "add_scaled", "convert", "sum_of_squares", "adamw"})) elementwise();
        if (includes({"dequantize"}))
            for (const DtypeInfo& type : block_types) dequantizations(type.dtype);
        if (includes({"quantize"}))
            for (const DtypeInfo& type : block_types) quantizations(type.dtype);
        return std::move(cases_);
    }

 private:
    bool includes(std::initializer_list<std::string_view> kernels) const {
        return !filter_ || std::any_of(kernels.begin(), kernels.end(), filter_);
    }
    Tensor empty(Dtype dtype, std::initializer_list<int64_t> sizes) {
        Tensor shape(nullptr, dtype, sizes);
        int64_t shift = s_.misaligned ? 4 : 0;
        shape.data = static_cast<std::byte*>(memory_.tensor(Dtype::u8, {shape.bytes() + shift}).data) + shift;
        return shape;
    }
    // A tensor in the memory of the tested table, with contents that are the same in every memory.
    template <class Fill>
    Tensor filled(Dtype dtype, std::initializer_list<int64_t> sizes, Fill fill) {
        Tensor x = empty(dtype, sizes);
        HostCopy host(memory_.kernels(), {}, x);
        fill(host.tensor());
        host.upload();
        return x;
    }
    // Values of next(), which repeat.
    template <class Next>
    Tensor values(Dtype dtype, std::initializer_list<int64_t> sizes, Next next) {
        return filled(dtype, sizes, [&](Tensor x) {
            with_type(dtype, [&]<class T>() {
                std::span<T> all = x.span<T>();
                for (size_t i = 0; i < all.size(); ++i) all[i] = i < 65536 ? T(next()) : all[i - 65536];
            });
        });
    }
    Tensor random(Dtype dtype, std::initializer_list<int64_t> sizes, float deviation = 1) {
        return values(dtype, sizes, [&] { return random_.normal() * deviation; });
    }
    Tensor random_blocks(Dtype dtype, std::initializer_list<int64_t> sizes) {
        return filled(dtype, sizes, [&](Tensor x) {
            with_block(dtype, [&]<class Block>() {
                std::byte* bytes = static_cast<std::byte*>(x.data);
                for (int64_t i = 0; i < x.bytes(); ++i)
                    bytes[i] = i < 65536 ? static_cast<std::byte>(random_.below(256)) : bytes[i - 65536];
                Block* block = blocks<Block>(x, 0);
                for (int64_t i = 0; i < x.count() / Block::size; ++i) {
                    block[i].d = f16(random_.normal() / 64);
                    if constexpr (requires { block->m; }) block[i].m = f16(random_.normal() / 64);
                }
            });
        });
    }
    Tensor floats(std::initializer_list<int64_t> sizes, float deviation = 1) {
        return random(Dtype::f32, sizes, deviation);
    }
    Tensor squares(std::initializer_list<int64_t> sizes) {
        return values(Dtype::f32, sizes, [&] {
            float root = random_.normal();
            return root * root;
        });
    }
    Tensor integers(int64_t n, int64_t low, int64_t high) {
        return filled(Dtype::i32, {n}, [&](Tensor x) {
            for (int32_t& value : x.span<int32_t>())
                value =
                    static_cast<int32_t>(low + static_cast<int64_t>(random_.below(static_cast<uint64_t>(high - low))));
        });
    }

    void add_case(std::string kernel, std::string detail, double operations, std::vector<Tensor> inputs,
                  std::vector<Tensor> outputs, std::function<void(const Kernels&)> run) {
        if (filter_ && !filter_(kernel)) return;
        double bytes = 0;
        for (const Tensor& x : inputs) bytes += static_cast<double>(x.bytes());
        for (const Tensor& x : outputs) bytes += static_cast<double>(x.bytes());
        cases_.push_back({std::move(kernel), std::move(detail), operations, bytes, std::move(outputs), std::move(run)});
    }

    // A gradient summed over three uneven chunks, after one chunk of an earlier call.
    struct GradientSum {
        std::vector<Tensor> level;
        std::vector<int64_t> chunk;
        bool running;
        TreeSum sum() const { return {level, 1, chunk, running}; }
        std::vector<Tensor> outputs() const { return running ? level : std::vector{level[0], level[2]}; }
    };
    GradientSum gradient_sum(std::initializer_list<int64_t> shape, bool running) {
        int64_t T = s_.tokens;
        std::vector<int64_t> chunk{0, T / 3, T / 3 + T / 2, T};
        if (running) return {{floats(shape)}, chunk, true};
        return {{floats(shape), Tensor(), floats(shape)}, chunk, false};  // 1 + 3 chunks: only level 2 is in use
    }

    // Two cases of a weight gradient: tree sum and running sum.
    void add_gradient_cases(std::string kernel, std::string detail, double operations, std::vector<Tensor> inputs,
                            std::vector<Tensor> outputs, std::initializer_list<int64_t> shape,
                            std::function<void(const Kernels&, const TreeSum&)> run) {
        for (bool running : {false, true}) {
            GradientSum dw = gradient_sum(shape, running);
            std::vector<Tensor> all = outputs;
            for (const Tensor& level : dw.outputs()) all.push_back(level);
            add_case(kernel, detail + (running ? ", running" : ""), operations, inputs, all,
                     [=](const Kernels& k) { run(k, dw.sum()); });
        }
    }

    void embedding() {
        int64_t T = s_.tokens, D = s_.dim, V = s_.vocabulary;
        Tensor out = empty(Dtype::f32, {T, D}), dout = floats({T, D}), ids = integers(T, 0, V);
        for (Dtype dtype : float_types) {
            Tensor table = random(dtype, {V, D});
            add_case("embed", table.shape(), 0, {out, ids}, {out},
                     [=](const Kernels& k) { k.embed({}, out, table, ids); });
        }
        add_gradient_cases("embed_backward", dout.shape(), 0, {dout, ids}, {}, {V, D},
                           [=](const Kernels& k, const TreeSum& dtable) { k.embed_backward({}, dtable, dout, ids); });
    }

    void matmuls(Dtype dtype) {
        int64_t T = s_.tokens, D = s_.dim, O = s_.out;
        double operations = 2.0 * static_cast<double>(T) * static_cast<double>(D) * static_cast<double>(O);
        Tensor x = floats({T, D}), w = random(dtype, {O, D}, 1 / std::sqrt(static_cast<float>(D)));
        Tensor out = empty(Dtype::f32, {T, O}), dout = floats({T, O}), dx = floats({T, D});
        std::string detail = fmt::format("{} x {}", x, w);
        add_case("matmul", detail, operations, {x, w}, {out}, [=](const Kernels& k) { k.matmul({}, out, x, w); });
        add_case("matmul_input_gradient", detail, operations, {dout, w}, {dx},
                 [=](const Kernels& k) { k.matmul_input_gradient({}, dx, dout, w); });
        if (dtype == Dtype::f32) layouts(w);
        if (dtype == Dtype::f16) return;
        add_gradient_cases(
            "matmul_weight_gradient", detail, operations, {dout, x}, {}, {O, D},
            [=](const Kernels& k, const TreeSum& dw) { k.matmul_weight_gradient({}, dw, dout, x, dtype); });
    }

    // The bytes of the panels as floats.
    void layouts(Tensor w) {
        Tensor panels = w.in_panels(nullptr, 16), bytes = floats({panels.bytes() / 4}),
               rows = floats({w.size[0], w.size[1]});
        panels.data = bytes.data;
        add_case("pack", w.shape(), 0, {w}, {bytes}, [=](const Kernels& k) { k.pack({}, panels, w); });
        add_case("unpack", w.shape(), 0, {bytes}, {rows}, [=](const Kernels& k) { k.unpack({}, rows, panels); });
    }

    void norms() {
        int64_t T = s_.tokens, D = s_.dim;
        Tensor x = floats({T, D}), w = floats({D}), out = empty(Dtype::f32, {T, D}), scale = random(Dtype::f32, {T});
        Tensor dout = floats({T, D}), dx = floats({T, D});
        double elements = static_cast<double>(x.count());
        add_case("rms_norm", x.shape(), 4 * elements, {x}, {out, scale},
                 [=](const Kernels& k) { k.rms_norm({}, out, scale, x, w, 1e-5f); });
        add_gradient_cases(
            "rms_norm_backward", x.shape(), 10 * elements, {x, dout}, {dx}, {D},
            [=](const Kernels& k, const TreeSum& dw) { k.rms_norm_backward({}, dx, dw, dout, x, w, scale); });
    }

    void biases() {
        Tensor x = floats({s_.tokens, s_.dim}), dout = floats({s_.tokens, s_.dim}), bias = floats({s_.dim});
        add_case("add_bias", x.shape(), static_cast<double>(x.count()), {x, bias}, {x},
                 [=](const Kernels& k) { k.add_bias({}, x, bias); });
        add_gradient_cases("bias_gradient", dout.shape(), static_cast<double>(dout.count()), {dout}, {}, {s_.dim},
                           [=](const Kernels& k, const TreeSum& dbias) { k.bias_gradient({}, dbias, dout); });
    }

    void rotary_embeddings() {
        int64_t T = s_.tokens, P = s_.head_dim / 2;
        Tensor positions = integers(T, 0, 9000), angles = empty(Dtype::f32, {T, 2, P});
        Tensor frequencies = filled(Dtype::f32, {P}, [&](Tensor f) {
            for (int64_t p = 0; p < P; ++p)
                f.as<float>()[p] = std::pow(500000.0f, -static_cast<float>(p) / static_cast<float>(P));
        });
        add_case("rotary_angles", angles.shape(), 0, {positions}, {angles},
                 [=](const Kernels& k) { k.rotary_angles({}, angles, positions, frequencies, 1.25f); });
        for (bool inverse : {false, true}) {
            Tensor x = floats({T, s_.heads * s_.head_dim}), angles_of_x = floats({T, 2, P});
            std::string detail = fmt::format("{}{}", x, inverse ? ", inverse" : "");
            add_case("rope", detail, 3.0 * static_cast<double>(x.count()), {x}, {x},
                     [=](const Kernels& k) { k.rope({}, x, angles_of_x, inverse); });
        }
    }

    // Two sequences, the second of one token; the first has `cached` keys before its queries.
    void attentions() {
        int64_t T = s_.tokens, dim = s_.heads * s_.head_dim, kv_dim = s_.kv_heads * s_.head_dim,
                keys = T - 1 + s_.cached;
        AttentionShape shape{s_.heads, s_.kv_heads, s_.head_dim};
        Tensor q = floats({T, dim}), k = floats({keys + 1, kv_dim}), v = floats({keys + 1, kv_dim});
        Tensor out = empty(Dtype::f32, {T, dim}), lse = empty(Dtype::f32, {T, s_.heads});
        std::vector<AttentionSpan> spans = two_spans(k, v);
        double pairs = static_cast<double>(T - 1) * (static_cast<double>(s_.cached) + static_cast<double>(T) / 2);
        double operations = 4 * pairs * static_cast<double>(dim);
        std::string detail = fmt::format("{} heads, {} kv, {}", q, s_.kv_heads, s_.cached);
        add_case("attention", detail, operations, {q, k, v}, {out, lse},
                 [=](const Kernels& kernels) { kernels.attention({}, out, lse, q, spans, shape); });
        if (s_.cached) return;
        Tensor saved = empty(Dtype::f32, {T, dim}), saved_lse = empty(Dtype::f32, {T, s_.heads}),
               dout = floats({T, dim});
        save_forward(saved, saved_lse, q, k, v, shape);
        Tensor dq = floats({T, dim}), dk = floats({T, kv_dim}), dv = floats({T, kv_dim});
        add_case("attention_backward", detail, 2.5 * operations, {q, k, v, dout}, {dq, dk, dv},
                 [=](const Kernels& kernels) {
                     kernels.attention_backward({}, dq, dk, dv, dout, saved, saved_lse, q, spans, shape);
                 });
    }
    // The forward pass of a backward case, on the host: its results are the same in every memory.
    void save_forward(Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v, AttentionShape shape) {
        const Kernels& device = memory_.kernels();
        HostCopy out_copy(device, {}, out), lse_copy(device, {}, lse), q_copy(device, {}, q), k_copy(device, {}, k),
            v_copy(device, {}, v);
        Tensor keys = k_copy.download(), values = v_copy.download();
        std::vector<AttentionSpan> spans = two_spans(keys, values);
        scalar_or_best().attention({}, out_copy.tensor(), lse_copy.tensor(), q_copy.download(), spans, shape);
        out_copy.upload();
        lse_copy.upload();
    }
    std::vector<AttentionSpan> two_spans(Tensor k, Tensor v) const {
        int64_t T = s_.tokens, keys = T - 1 + s_.cached;
        return {{0, T - 1, keys, k.as<float>(), v.as<float>()}, {T - 1, 1, 1, k.row<float>(keys), v.row<float>(keys)}};
    }

    // The same two sequences in pages, of which only the results of attention can be compared.
    void caches(Dtype dtype) {
        int64_t T = s_.tokens, keys = T - 1 + s_.cached, pages = pages_for(keys) + 1;
        AttentionShape shape{s_.heads, s_.kv_heads, s_.head_dim};
        Tensor q = floats({T, s_.heads * s_.head_dim}), k = floats({keys + 1, s_.kv_heads * s_.head_dim}),
               v = floats({keys + 1, s_.kv_heads * s_.head_dim}), out = empty(Dtype::f32, {T, q.columns()}),
               lse = empty(Dtype::f32, {T, s_.heads}), memory = empty(Dtype::u8, {pages * page_bytes(shape, dtype)});
        std::vector<int32_t> list(static_cast<size_t>(pages));
        for (size_t i = 0; i < list.size(); ++i) list[i] = static_cast<int32_t>(list.size() - 1 - i);
        KvPages cache{static_cast<std::byte*>(memory.data), page_bytes(shape, dtype), dtype};
        add_case("append_kv", fmt::format("{} in {}, then attention", k, info(dtype).name), 0, {q, k, v}, {out, lse},
                 [=](const Kernels& kernels) {
                     std::span first = std::span(list).first(list.size() - 1), second = std::span(list).last(1);
                     std::vector<AttentionSpan> appended{
                         {.first = 0, .n = keys, .keys = keys, .cache = cache, .pages = first},
                         {.first = keys, .n = 1, .keys = 1, .cache = cache, .pages = second}};
                     std::vector<AttentionSpan> queries{
                         {.first = 0, .n = T - 1, .keys = keys, .cache = cache, .pages = first},
                         {.first = T - 1, .n = 1, .keys = 1, .cache = cache, .pages = second}};
                     kernels.append_kv({}, k, v, appended, shape);
                     kernels.attention({}, out, lse, q, queries, shape);
                 });
    }
    // Of the tables that may run the case.
    int64_t page_bytes(AttentionShape shape, Dtype dtype) const {
        int64_t most = memory_.kernels().page_bytes(shape, dtype);
        for (const Kernels* table : available_kernels())
            if (table->page_bytes) most = std::max(most, table->page_bytes(shape, dtype));
        return most;
    }
    // Scalar, unless that would take minutes.
    const Kernels& scalar_or_best() const {
        return s_.tokens > 100 ? *available_kernels().front() : *available_kernels().back();
    }

    void feed_forward() {
        Tensor gate = floats({s_.tokens, s_.ffn}, 3), up = floats({s_.tokens, s_.ffn}),
               out = empty(Dtype::f32, {s_.tokens, s_.ffn});
        Tensor dout = floats({s_.tokens, s_.ffn}), dgate = floats({s_.tokens, s_.ffn}),
               dup = floats({s_.tokens, s_.ffn});
        double elements = static_cast<double>(out.count());
        add_case("swiglu", out.shape(), 15 * elements, {gate, up}, {out},
                 [=](const Kernels& k) { k.swiglu({}, out, gate, up); });
        add_case("swiglu_backward", out.shape(), 20 * elements, {gate, up, dout}, {dgate, dup},
                 [=](const Kernels& k) { k.swiglu_backward({}, dgate, dup, dout, gate, up); });
    }

    void losses() {
        int64_t T = s_.tokens, V = s_.vocabulary;
        Tensor targets = integers(T, -1, V), loss = empty(Dtype::f32, {T}), logits = floats({T, V}, 3);
        Tensor probabilities = floats({T, V}, 3), changed = floats({T, V}, 3), losses = empty(Dtype::f32, {T});
        double elements = static_cast<double>(logits.count());
        add_case("softmax", logits.shape(), 15 * elements, {probabilities}, {probabilities},
                 [=](const Kernels& k) { k.softmax({}, probabilities); });
        add_case("cross_entropy", logits.shape(), 15 * elements, {logits}, {loss},
                 [=](const Kernels& k) { k.cross_entropy({}, loss, logits, targets); });
        add_case("cross_entropy_backward", logits.shape(), 15 * elements, {changed}, {losses, changed},
                 [=](const Kernels& k) { k.cross_entropy_backward({}, losses, changed, targets, 0.125f); });
    }

    void elementwise() {
        int64_t n = s_.tokens * s_.dim;
        Tensor a = floats({n}), b = floats({n}), out = empty(Dtype::f32, {n}), total = floats({n});
        Tensor w = floats({n}), m = floats({n}), v = squares({n}), sum = empty(Dtype::f32, {1});
        double elements = static_cast<double>(n);
        add_case("add", a.shape(), elements, {a, b}, {out}, [=](const Kernels& k) { k.add({}, out, a, b); });
        add_case("add_scaled", a.shape(), 2 * elements, {a, total}, {total},
                 [=](const Kernels& k) { k.add_scaled({}, total, a, 0.3f); });
        for (Dtype from : float_types) {  // every pair occurs in loading or saving
            Tensor x = random(from, {n});
            for (Dtype to : float_types) {
                Tensor converted(out.data, to, {n});
                add_case("convert", fmt::format("{} to {}", info(from).name, info(to).name), 0, {x}, {converted},
                         [=](const Kernels& k) { k.convert({}, converted, x); });
            }
        }
        add_case("sum_of_squares", a.shape(), 2 * elements, {a}, {sum}, [=](const Kernels& k) {
            HostCopy result(k, {}, sum);
            result.tensor().as<float>()[0] = static_cast<float>(k.sum_of_squares({}, a));
            result.upload();
        });
        AdamW step{.learning_rate = 1e-3f,
                   .beta1 = 0.9f,
                   .beta2 = 0.95f,
                   .epsilon = 1e-8f,
                   .weight_decay = 0.1f,
                   .correction1 = 0.3f,
                   .correction2 = 0.2f,
                   .gradient_scale = 0.5f};
        add_case("adamw", a.shape(), 15 * elements, {w, m, v, b}, {w, m, v},
                 [=](const Kernels& k) { k.adamw({}, w, m, v, b, step); });
    }

    void dequantizations(Dtype dtype) {
        int64_t T = s_.tokens, D = round_up(s_.dim, info(dtype).block);
        Tensor x = random_blocks(dtype, {T, D}), out = empty(Dtype::f32, {T, D});
        add_case("dequantize", x.shape(), 0, {x}, {out}, [=](const Kernels& k) { k.dequantize({}, out, x); });
    }

    // The bytes of the blocks. Few rows: a search takes long.
    void quantizations(Dtype dtype) {
        int64_t rows = std::max<int64_t>(3, s_.tokens / 64), D = round_up(s_.dim, info(dtype).block);
        for (bool weighted : {false, true}) {
            Tensor x = floats({rows, D}), importance = weighted ? squares({D}) : Tensor();
            Tensor shape(nullptr, dtype, {rows, D}), bytes = empty(Dtype::u8, {shape.bytes()});
            Tensor out(bytes.data, dtype, {rows, D});
            add_case("quantize", out.shape() + (weighted ? ", weighted" : ""), 0, {x}, {bytes},
                     [=](const Kernels& k) { k.quantize({}, out, x, importance); });
        }
    }

    CaseSizes s_;
    Arena& memory_;
    const std::function<bool(std::string_view)>& filter_;
    Random random_{42};
    std::vector<KernelCase> cases_;
};

}  // namespace

std::vector<KernelCase> kernel_cases(const CaseSizes& sizes, Arena& memory,
                                     const std::function<bool(std::string_view)>& filter) {
    return CaseMaker(sizes, memory, filter).make();
}

}  // namespace puna
