// nn/pass.h — one pass through the model, forward and backward.
//
//   Pass pass(kernels);                                // inference: nothing is saved
//   pass.begin(batch);
//   Value x = llama.forward(pass);
//
//   Pass training(kernels, &gradients);                // every operation records its backward function on a tape
//   training.begin(batch);
//   std::vector<double> losses = llama.loss(training, llama.forward(training), seed);
//   training.backward();                               // runs the tape in reverse: no graph, no sort
//
// A pass owns its batch and its arenas, so nothing on the tape outlives what it refers to; several passes can exist at
// once. It does not depend on the model.
#pragma once
#include "kernels/arena.h"
#include "nn/batch.h"
#include "nn/gradients.h"
#include "nn/param.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace puna {

// A tensor of a pass. `slot`: index of its gradient; -1 where nothing is recorded.
struct Value {
    Tensor data;
    int64_t slot = -1;
};

// Whether a segment's activations are saved for backward or recomputed (activation checkpointing).
enum class Activations : uint8_t { keep, recompute };

class Pass {
 public:
    explicit Pass(const Kernels& k, Gradients* g = nullptr, Activations a = Activations::keep)
        : kernels(k), gradients(g), activations(a), arena(k), gradient_arena_(k) {}

    const Kernels& kernels;
    Stream stream;
    Gradients* gradients;  // null: inference
    Activations activations;
    Arena arena;
    // If set: called with each matrix and its input [rows, columns], in the kernels' memory, before they are
    // multiplied.
    std::function<void(const Param& matrix, Tensor input)> observe_matmul;

    void begin(Batch batch);  // frees the previous pass, whose tape and values end; its memory is reused
    const Batch& batch() const { return batch_; }

    bool recording() const { return gradients != nullptr && !paused_; }
    Value value(Tensor data) { return {data, recording() ? new_slot() : -1}; }
    Value empty(std::initializer_list<int64_t> sizes) { return value(arena.tensor(Dtype::f32, sizes)); }
    void record(std::function<void()> backward_fn) { tape_.push_back(std::move(backward_fn)); }

    // The gradient of a value, initially zeros. Backward only.
    Tensor gradient(const Value& value);
    void set_gradient(const Value& value, Tensor gradient) { slots_[static_cast<size_t>(value.slot)] = gradient; }

    // Runs f(x) as one segment: its inner activations are freed (inference), saved, or recomputed in backward. The
    // result of f must have the shape of x.
    Value segment(Value x, const std::function<Value(Value)>& f);

    void backward();  // starts from gradients set by set_gradient or head_loss

 private:
    int64_t new_slot() {
        slots_.emplace_back();
        return static_cast<int64_t>(slots_.size()) - 1;
    }
    void run_tape(size_t to);
    Value run_and_rewind(Value x, const std::function<Value(Value)>& f);
    void keep_input_gradient(const Value& x, const Value& y, Arena::Mark mark);

    Batch batch_;
    std::vector<std::function<void()>> tape_;
    std::vector<Tensor> slots_;  // gradients, allocated on first use
    Arena gradient_arena_;
    bool paused_ = false;
};

}  // namespace puna
