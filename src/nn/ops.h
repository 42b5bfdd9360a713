// nn/ops.h — the differentiable operations: each calls a kernel and, where the pass records, leaves its way back.
//
// Letters: T tokens of the batch, D model dimension. Values are f32 [T, ...]. Formulas: kernels/kernels.h.
#pragma once
#include "nn/batch.h"
#include "nn/param.h"
#include "nn/pass.h"

#include <vector>

namespace puna {

Value embed(Pass& pass, Param& table, const Batch& batch);             // [T, D]
Value matmul(Pass& pass, Value x, Param& weight, const Batch& batch);  // x weight^T
// The same where x holds some rows of the batch: `chunk` says where its gradient chunks begin in x (kernels.h,
// TreeSum).
Value matmul(Pass& pass, Value x, Param& weight, std::vector<int64_t> chunk);
Value rms_norm(Pass& pass, Value x, Param& weight, const Batch& batch, float epsilon);
Value swiglu(Pass& pass, Value gate, Value up);
Value add(Pass& pass, Value x, Value change);  // takes change's memory

// cos and sin of every token's angles, once for all layers: [T, 2, head_dim / 2].
Tensor rotary_angles(Pass& pass, const Batch& batch, Tensor frequencies);
Value rope(Pass& pass, Value x, Tensor angles, RotaryPairs pairs);  // in place

// Causal attention inside each sequence; with a cache, k and v are appended to it and attended there.
Value attention(Pass& pass, Value q, Value k, Value v, const Batch& batch, int64_t layer, AttentionShape shape);

// Sums of -log p(target) in nats over each chunk. Where the pass records, the gradient of seed * their sum is begun;
// logits exist for one chunk at a time.
std::vector<double> head_loss(Pass& pass, Value x, Param& head, const Batch& batch, float seed);

// Half-way to a loss: adds up in the tree that gradients are added up in.
double tree_sum(std::vector<double> chunks);

}  // namespace puna
