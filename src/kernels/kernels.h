// kernels/kernels.h — all device code: one table of functions for each instruction set or device.
//
//   const Kernels& k = choose_kernels();            // the fastest that this machine runs, or PUNA_KERNELS=scalar
//   k.rms_norm(stream, out, scale, x, weight, 1e-5f);
//
// `scalar` is the specification: plain loops, bit-identical on every machine. The other tables start as a copy of it
// and replace the kernels that they implement. Activations are f32; the dtype of a weight determines how a matmul
// computes: f32 and f16 weights in f32; for a bf16 weight the other operand is rounded to bf16, and sums are in f32.
//
// Results are bit-identical on any number of threads, for any other rows in the batch and any chunking: the order of
// every sum is fixed by the row and column of its result alone. A call may return before its work is done (CUDA): call
// `synchronize` before reading results. Outputs come first. Shapes are checked; a mismatch is a Bug.
#pragma once
#include "core/tensor.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// The queue of a call: null on the CPU, a cudaStream_t on CUDA.
struct Stream {
    void* handle = nullptr;
};

constexpr int64_t page_tokens = 64;
constexpr int64_t pages_for(int64_t tokens) { return tokens / page_tokens + (tokens % page_tokens != 0); }

// The pages of one layer of a KV cache, each with the keys and values of 64 tokens: page i begins at data + i *
// page_bytes. Their inner layout belongs to the table: append_kv writes them, attention reads them.
struct KvPages {
    std::byte* data = nullptr;
    int64_t page_bytes = 0;
    Dtype dtype = Dtype::f32;  // or bf16
};

// One sequence's share of an attention call. Its queries are rows first .. first + n of q; row first + i has position
// keys - n + i and sees keys 0 .. that position. The keys and values are rows, or in pages.
struct AttentionSpan {
    int64_t first, n;
    int64_t keys;                            // of the sequence, its own n included
    const float *k = nullptr, *v = nullptr;  // row 0 of its keys and values; rows have kv_dim elements
    KvPages cache = {};
    std::span<const int32_t> pages = {};  // page i has the positions from 64 * i on
};

struct AttentionShape {
    int64_t heads, kv_heads, head_dim;
};

// A weight gradient is summed over chunks of tokens in a fixed binary tree over the chunk's position in the step's
// global batch, so that any split of the batch gives the same bits. Like a binary counter: level[k] holds the sum of
// 2^k neighboring chunks where bit k of the number of chunks so far is set.
struct TreeSum {
    std::span<const Tensor> level;   // each of the gradient's shape, f32; empty: not needed between calls
    int64_t first = 0;               // chunks that were summed before this call
    std::span<const int64_t> chunk;  // [chunks + 1] token rows where the chunks of this call begin, and the end
    bool running = false;            // no tree: add everything to level[0], less memory, bits depend on the split
    int64_t chunks() const {
        return chunk.empty() ? 0 : static_cast<int64_t>(chunk.size()) - 1;
    }  // 0 for TreeSum{}: a frozen weight
};

struct AdamW {
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    float correction1, correction2;  // 1 - beta1^step, 1 - beta2^step
    float gradient_scale;            // factor from gradient clipping
};

// Microbenchmarks of peak rates: loops of multiply-adds, or of reads, in one instruction set, on the calling thread;
// timed by kernels/peaks.h. Each runs `rounds` rounds and returns the number of multiplications and additions; null if
// the instruction set has no instructions for the type.
struct Probes {
    double (*f32)(int64_t rounds);
    double (*bf16)(int64_t rounds);                 // products of bf16 pairs, summed in f32
    double (*int8)(int64_t rounds);                 // products of signed bytes, summed exactly in 32 bits
    double (*int4)(int64_t rounds);                 // bytes times nibbles: sums of eight steps fit into 16 bits
    float (*read)(const float* values, int64_t n);  // reads n floats; the result has no meaning
};

// The memory of a table's tensors: all operands of its kernels are there, or in mapped files if it can read these.
struct DeviceMemory {
    bool host_access;  // the host can read and write it; otherwise only through Kernels::copy
    bool mapped_files;
    void* (*allocate)(size_t bytes);  // aligned to 64 bytes, uninitialized. Throws Error: out_of_memory
    void (*release)(void* pointer);
};

// The products of a linear layer that read its weight.
struct Products {
    void (*matmul)(Stream, Tensor out, Tensor x, Tensor w);
    void (*input_gradient)(Stream, Tensor dx, Tensor dout, Tensor w);
};

struct ProductTable {
    std::array<Products, dtype_count> by_dtype;
    Products& operator[](Dtype dtype) { return by_dtype[static_cast<size_t>(dtype)]; }
    const Products& operator[](Dtype dtype) const { return by_dtype[static_cast<size_t>(dtype)]; }
};

// Letters: T tokens, D columns of x, O columns of a matmul's output, H heads, P rotary pairs of a head, V vocabulary.
// "+=" adds to what is there. Source of the model's formulas: Llama 3, model.py; Touvron et al. 2023.
struct Kernels {
    std::string_view name;        // "avx512", or "avx512,-bf16" without an extension
    std::string_view extensions;  // used in addition to the instruction set: "vnni, bf16"
    Probes probes;                // the upper bounds of these kernels' speed

    DeviceMemory memory;
    void (*copy)(Stream, void* to, const void* from, size_t bytes);  // host or device, in any direction
    void (*zero)(Stream, Tensor x);
    void (*synchronize)(Stream);

    // embedding. ids: [T] i32
    void (*embed)(Stream, Tensor out, Tensor table, Tensor ids);                     // [T, D], [V, D]
    void (*embed_backward)(Stream, const TreeSum& dtable, Tensor dout, Tensor ids);  // f32 [V, D]

    // matmul. x: f32 [T, D]; w: [O, D] of any dtype, in rows or in panels of panel_rows: with the same bits
    void matmul(Stream stream, Tensor out, Tensor x, Tensor w) const {  // out = x w^T, f32 [T, O]
        products_of(w.dtype).matmul(stream, out, x, w);
    }
    void matmul_input_gradient(Stream stream, Tensor dx, Tensor dout, Tensor w) const {  // dx += dout w
        products_of(w.dtype).input_gradient(stream, dx, dout, w);
    }
    ProductTable products;                           // by the dtype of w; those without a row:
    Products dequantized;                            // dequantize a panel of w and multiply in f32
    const Products& products_of(Dtype dtype) const;  // Bug for a dtype that is neither floating nor a block type

    // The layouts of a matrix of any dtype (core/tensor.h). panel_rows: of the panels that the products read fastest;
    // the rows must be whole pieces
    int panel_rows;
    void (*pack)(Stream, Tensor panels, Tensor rows);
    void (*unpack)(Stream, Tensor rows, Tensor panels);

    void (*matmul_weight_gradient)(Stream, const TreeSum& dw, Tensor dout, Tensor x, Dtype compute);  // dout^T x

    // out = x / rms(x) * w; scale: [T], 1 / rms(x), saved for backward
    void (*rms_norm)(Stream, Tensor out, Tensor scale, Tensor x, Tensor w, float epsilon);
    void (*rms_norm_backward)(Stream, Tensor dx, const TreeSum& dw, Tensor dout, Tensor x, Tensor w,
                              Tensor scale);  // dx +=

    // angles: [T, 2, P], cosines then sines of position * frequency, an f32 product, times `scale`; then the pairs
    // (j, j + P) of the heads of x [T, H * 2P] are rotated in place, by -angle if inverse (backward). positions: [T]
    // i32
    void (*rotary_angles)(Stream, Tensor angles, Tensor positions, Tensor frequencies, float scale);
    void (*rope)(Stream, Tensor x, Tensor angles, bool inverse);

    // the keys and values of the spans' tokens, rows of k and v [T, kv_dim], to their pages
    void (*append_kv)(Stream, Tensor k, Tensor v, std::span<const AttentionSpan> spans, AttentionShape shape);
    int64_t (*page_bytes)(AttentionShape shape, Dtype dtype);  // of a page; dtype: f32 or bf16

    // causal attention with grouped queries, keys folded in blocks of 64 from position 0 (FlashAttention; Dao 2023).
    // out, q: [T, H * head_dim]; lse: [T, H], log of the sum of exp of the scores
    void (*attention)(Stream, Tensor out, Tensor lse, Tensor q, std::span<const AttentionSpan> spans,
                      AttentionShape shape);
    void (*attention_backward)(Stream, Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q,
                               std::span<const AttentionSpan> spans, AttentionShape shape);  // dq, dk, dv +=; keys == n

    void (*swiglu)(Stream, Tensor out, Tensor gate, Tensor up);                                      // silu(gate) * up
    void (*swiglu_backward)(Stream, Tensor dgate, Tensor dup, Tensor dout, Tensor gate, Tensor up);  // both +=

    void (*softmax)(Stream, Tensor x);  // rows of [T, V], in place
    // loss: [T], -log softmax(logits)[target]; a target of -1 is not in the loss
    void (*cross_entropy)(Stream, Tensor loss, Tensor logits, Tensor targets);
    // the same; logits are overwritten with the gradient of seed * sum of losses
    void (*cross_entropy_backward)(Stream, Tensor loss, Tensor logits, Tensor targets, float seed);

    void (*add_bias)(Stream, Tensor x, Tensor bias);                   // x[t, d] += bias[d]
    void (*bias_gradient)(Stream, const TreeSum& dbias, Tensor dout);  // of [D]: sums over tokens

    void (*add)(Stream, Tensor out, Tensor a, Tensor b);             // out = a + b; may be in place
    void (*add_scaled)(Stream, Tensor out, Tensor x, float factor);  // out += factor * x
    void (*convert)(Stream, Tensor out, Tensor x);                   // between floating dtypes
    void (*dequantize)(Stream, Tensor out, Tensor x);                // f32 = a block type, the same on every table
    // a block type = f32 [rows, columns], the same bits on every table: finite values, of at most 65,504 (the largest
    // f16). importance: f32 [columns], the weights of squared errors, or empty: all alike
    void (*quantize)(Stream, Tensor out, Tensor x, Tensor importance);
    double (*sum_of_squares)(Stream, Tensor x);  // synchronous

    // m, v, weight: f32. Decoupled decay. Source: Loshchilov and Hutter 2019
    void (*adamw)(Stream, Tensor weight, Tensor m, Tensor v, Tensor gradient, const AdamW& step);
};

// Which table implements a kernel, for `puna check`.
struct KernelOrigin {
    std::string_view kernel, table;
};

// The tables that this machine can run, best first, each with all extensions of the processor.
std::span<const Kernels* const> available_kernels();
// The same tables without some of these extensions, named "avx512,-bf16": they compute like older processors.
std::span<const Kernels* const> restricted_kernels();
// A table of either list by name; null if it is unknown or cannot run here.
const Kernels* find_kernels(std::string_view name);
// The table named by PUNA_KERNELS, otherwise the best. Throws Error for unknown or unsupported names.
const Kernels& choose_kernels();
std::string full_name(const Kernels& kernels);  // "avx512 with vnni, bf16"
// With every extension that it does not use, whether excluded or absent: tables of one exact name compute the same bits
// on any machine. "avx2,-vnni".
std::string exact_name(const Kernels& kernels);
std::span<const std::string_view> known_kernels();  // all names of this build, without extensions
std::vector<KernelOrigin> kernel_origins(const Kernels& table);

}  // namespace puna
