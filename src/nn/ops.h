// nn/ops.h — differentiable operations: each calls a kernel and, if the pass is recording, adds its backward function
// to the tape.
//
// Letters: T tokens in the pass's batch, D hidden size. Values are f32 [T, ...]. Formulas: kernels/kernels.h.
#pragma once
#include "nn/param.h"
#include "nn/pass.h"

#include <vector>

namespace puna {

Value embed(Pass& pass, Param& table);             // [T, D]
Value matmul(Pass& pass, Value x, Param& weight);  // x weight^T
// The same for an x of selected rows of the batch; `chunk`: first rows of the gradient chunks in x, and the end
// (kernels.h, TreeSum).
Value matmul(Pass& pass, Value x, Param& weight, std::vector<int64_t> chunk);
Value rms_norm(Pass& pass, Value x, Param& weight, float epsilon);
Value add_bias(Pass& pass, Value x, Param& bias);  // in place
Value swiglu(Pass& pass, Value gate, Value up);
Value add(Pass& pass, Value x, Value change);  // the result reuses the memory of `change`

// cos and sin of the rotary angles of every token, times `scale`, computed once for all layers: [T, 2, head_dim / 2].
// frequencies: [head_dim / 2], on the host.
Tensor rotary_angles(Pass& pass, std::span<const float> frequencies, float scale = 1);
Value rope(Pass& pass, Value x, Tensor angles);  // in place

// Causal attention within each sequence. With a KV cache, k and v are appended to it and attention reads from it.
Value attention(Pass& pass, Value q, Value k, Value v, int64_t layer, AttentionShape shape);

// Fused head and cross-entropy: the sum of -log p(target), in nats, of each chunk. If the pass is recording, it also
// computes the gradient of seed * (their sum). Logits exist for one chunk at a time.
std::vector<double> head_loss(Pass& pass, Value x, Param& head, float seed);

// Sum of per-chunk losses in the same binary tree as the gradients'.
double tree_sum(std::vector<double> chunks);

}  // namespace puna
