// kernels/cpu/fast.inl — what a vector instruction set has, in the order in which it builds on itself. A thin source
// opens the target region and its namespace, includes its vec_*.h, then this.
// clang-format off
#include "kernels/cpu/math.inl"
#include "kernels/cpu/tree.inl"
#include "kernels/cpu/units.inl"
#include "kernels/cpu/multiply.inl"
#include "kernels/cpu/matmul.inl"
#include "kernels/cpu/attention.inl"
#include "kernels/cpu/rows.inl"
#include "kernels/cpu/flat.inl"
// clang-format on

// Puts all of it into a table.
inline void use_fast(Kernels& table) {
    table.embed = embed;
    table.embed_gradient = embed_gradient;
    table.matmul = matmul<Floats<true>>;
    table.matmul_input_gradient = matmul_input_gradient<Floats<true>>;
    table.matmul_weight_gradient = matmul_weight_gradient<Floats<true>>;
    table.rms_norm = rms_norm;
    table.rms_norm_gradient = rms_norm_gradient;
    table.rope = rope;
    table.attention = attention;
    table.attention_gradient = attention_gradient;
    table.swiglu = swiglu;
    table.swiglu_gradient = swiglu_gradient;
    table.softmax = softmax;
    table.cross_entropy = cross_entropy;
    table.cross_entropy_gradient = cross_entropy_gradient;
    table.add = add;
    table.add_scaled = add_scaled;
    table.convert = convert;
    table.sum_of_squares = sum_of_squares;
    table.adamw = adamw;
}
