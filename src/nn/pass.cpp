#include "nn/pass.h"

namespace puna {

Tensor Pass::gradient(const Value& value) {
    check(value.slot >= 0, "gradient of a value that was not recorded");
    Tensor& slot = slots_[static_cast<size_t>(value.slot)];
    if (!slot) {
        slot = value.data;
        slot.data = gradient_arena_.zeros(stream, Dtype::f32, {value.data.count()}).data;
    }
    return slot;
}

void Pass::run_tape(size_t to) {
    while (tape_.size() > to) {
        std::function<void()> backward_fn = std::move(tape_.back());
        tape_.pop_back();
        backward_fn();
    }
}

void Pass::backward() { run_tape(0); }

void Pass::begin(Batch batch) {
    check_pages(batch);
    tape_.clear();
    slots_.clear();
    arena.rewind({});
    gradient_arena_.rewind({});
    paused_ = false;
    batch_ = std::move(batch);
}

Value Pass::run_and_rewind(Value x, const std::function<Value(Value)>& f) {
    Tensor result = x.data;
    result.data = arena.tensor(Dtype::f32, {x.data.count()}).data;
    Arena::Mark mark = arena.mark();
    Value y = f(x);
    check(y.data.count() == x.data.count(), "segment: output {}, input {}", y.data, x.data);
    kernels.copy(stream, result.data, y.data.data, static_cast<size_t>(result.bytes()));
    arena.rewind(mark);
    return {result, -1};
}

// Frees the gradients allocated since `mark` except x's, the only one still needed: it moves into the memory of y's.
void Pass::keep_input_gradient(const Value& x, const Value& y, Arena::Mark mark) {
    Tensor &dx = slots_[static_cast<size_t>(x.slot)], &dy = slots_[static_cast<size_t>(y.slot)];
    check(static_cast<bool>(dx), "segment: the input is not used");
    kernels.copy(stream, dy.data, dx.data, static_cast<size_t>(dx.bytes()));
    dx.data = dy.data;
    dy = Tensor();
    gradient_arena_.rewind(mark);
}

Value Pass::segment(Value x, const std::function<Value(Value)>& f) {
    if (!recording()) return run_and_rewind(x, f);
    if (activations == Activations::keep) {
        auto mark = std::make_shared<Arena::Mark>();  // shared by the segment's first and last tape entries
        auto result = std::make_shared<Value>();
        record([=, this] { keep_input_gradient(x, *result, *mark); });
        *result = f(x);
        record([=, this] {
            gradient(*result);
            *mark = gradient_arena_.mark();
        });
        return *result;
    }
    paused_ = true;
    Value y = run_and_rewind(x, f);
    paused_ = false;
    y.slot = new_slot();
    record([=, this] {
        Tensor dy = gradient(y);
        Arena::Mark gradient_mark = gradient_arena_.mark(), mark = arena.mark();
        size_t tape_begin = tape_.size();
        Value recomputed = f(x);
        slots_[static_cast<size_t>(recomputed.slot)] = dy;
        run_tape(tape_begin);
        keep_input_gradient(x, recomputed, gradient_mark);
        arena.rewind(mark);
    });
    return y;
}

}  // namespace puna
