// kernels/cpu/fast.inl — all vector kernels, in the order of their dependencies. A source file per instruction set
// opens the target region and its namespace, includes its vec_*.h, then this.
// clang-format off
#include "kernels/cpu/math.inl"
#include "kernels/cpu/tree_sum.inl"
#include "kernels/cpu/operand.inl"
#include "kernels/cpu/gemm_micro.inl"
#include "kernels/cpu/few_rows.inl"
#include "kernels/cpu/matmul.inl"
#include "kernels/cpu/lanes.inl"
#include "kernels/cpu/unpack.inl"
#include "kernels/cpu/block_chunks.inl"
#include "kernels/cpu/block_matmul.inl"
#include "kernels/cpu/quantize.inl"
#include "kernels/cpu/quantize_grids.inl"
#include "kernels/cpu/quantize_blocks.inl"
#include "kernels/cpu/key_blocks.inl"
#include "kernels/cpu/attention.inl"
#include "kernels/cpu/rows.inl"
#include "kernels/cpu/elementwise.inl"
// clang-format on

// Replaces the kernels of a table by these.
inline void use_fast(Kernels& table) {
    table.embed = embed;
    table.embed_backward = embed_backward;
    table.panel_rows = width;
    table.products[Dtype::f32] = products_of<F32Operand<false>, float>;
    table.products[Dtype::f16] = products_of<F32Operand<false>, f16>;
    table.dequantized = {matmul_dequantized, input_gradient_dequantized};
    use_bf16_products<F32Operand<true>>(table);
    table.rms_norm = rms_norm;
    table.rms_norm_backward = rms_norm_backward;
    table.rope = rope;
    table.append_kv = append_kv;
    table.page_bytes = page_bytes;
    table.attention = attention;
    table.attention_backward = attention_backward;
    table.swiglu = swiglu;
    table.swiglu_backward = swiglu_backward;
    table.softmax = softmax;
    table.cross_entropy = cross_entropy;
    table.cross_entropy_backward = cross_entropy_backward;
    table.add_bias = add_bias;
    table.bias_gradient = bias_gradient;
    table.dequantize = dequantize;
    table.quantize = quantize;
    table.add = add;
    table.add_scaled = add_scaled;
    table.convert = convert;
    table.sum_of_squares = sum_of_squares;
    table.adamw = adamw;
}
