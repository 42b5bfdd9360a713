// nn/pass.h — one pass through the model, forward and backward.
//
//   Pass pass(kernels);                                // inference: nothing is saved
//   Value x = llama.forward(pass, batch);
//
//   Pass training(kernels, &gradients);                // every operation records its backward function on a tape
//   std::vector<double> losses = llama.loss(training, llama.forward(training, batch), batch, seed);
//   training.backward();                               // runs the tape in reverse: no graph, no sort
//
// A pass owns its arenas; several can live at once. It knows nothing of models.
#pragma once
#include "comm/group.h"
#include "core/arena.h"
#include "kernels/kernels.h"
#include "nn/gradients.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace puna {

// A tensor of a pass. `slot` finds its gradient on the way back; -1 where nothing is recorded.
struct Value {
    Tensor data;
    int64_t slot = -1;
};

// What becomes of a segment's activations once its result is known.
enum class Activations : uint8_t { keep, recompute };

class Pass {
 public:
    explicit Pass(const Kernels& k, Gradients* sums = nullptr, Activations how = Activations::keep)
        : kernels(k), gradients(sums), activations(how) {}

    const Kernels& kernels;
    Stream stream;
    Group group = Group::alone();  // the model's own: a Llama refuses another one
    Gradients* gradients;          // null: inference
    Activations activations;
    Arena arena;

    bool recording() const { return gradients != nullptr && !paused_; }
    Value value(Tensor data) { return {data, recording() ? new_slot() : -1}; }
    Value empty(std::initializer_list<int64_t> sizes) { return value(arena.tensor(Dtype::f32, sizes)); }
    void record(std::function<void()> backward_fn) { tape_.push_back(std::move(backward_fn)); }

    // The gradient of a value, zeros where nothing was added yet. Only on the way back.
    Tensor gradient(const Value& value);
    void set_gradient(const Value& value, Tensor gradient) { slots_[static_cast<size_t>(value.slot)] = gradient; }

    // Runs f(x) as one segment: its inner activations are rewound (inference), kept, or computed again on the way back.
    // f's result has the shape of x.
    Value segment(Value x, const std::function<Value(Value)>& f);

    void backward();  // from gradients that were set, or that an operation left (head_loss)
    void reset();     // ready for the next batch; memory is kept

 private:
    int64_t new_slot() {
        slots_.emplace_back();
        return static_cast<int64_t>(slots_.size()) - 1;
    }
    void run_tape(size_t to);
    Value run_and_rewind(Value x, const std::function<Value(Value)>& f);
    void keep_only(const Value& x, const Value& y, Arena::Mark mark);

    std::vector<std::function<void()>> tape_;
    std::vector<Tensor> slots_;  // gradients, made when first asked for
    Arena gradient_arena_;
    bool paused_ = false;
};

}  // namespace puna
