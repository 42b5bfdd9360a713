// kernels/testing/wrapped.h — for tests: a table that does something around every call of another table's functions.
//
//   struct Counted {                                             // constructed before each call, destroyed after it
//       static inline int64_t calls = 0;
//       static const Kernels& table() { return choose_kernels(); }
//       Counted() { ++calls; }
//   };
//   const Kernels counting = wrapped_kernels<Counted>("counting");
//
// Its memory is that of the other table.
#pragma once
#include "kernels/kernels.h"

namespace puna {

template <class Around, auto function>
struct WrappedFunction;
template <class Around, class Result, class... Args, Result (*Kernels::*function)(Args...)>
struct WrappedFunction<Around, function> {
    static Result call(Args... args) {
        Around around;
        return (Around::table().*function)(args...);
    }
};

template <class Around>
void wrapped_matmul(Stream stream, Tensor out, Tensor x, Tensor w) {
    Around around;
    Around::table().matmul(stream, out, x, w);
}

template <class Around>
void wrapped_input_gradient(Stream stream, Tensor dx, Tensor dout, Tensor w) {
    Around around;
    Around::table().matmul_input_gradient(stream, dx, dout, w);
}

template <class Around, auto... functions>
void wrap_functions(Kernels& table) {
    ((table.*functions = WrappedFunction<Around, functions>::call), ...);
}

template <class Around>
Kernels wrapped_kernels(std::string_view name) {
    Kernels table = Around::table();
    table.name = name;
    wrap_functions<Around, &Kernels::copy, &Kernels::zero, &Kernels::synchronize, &Kernels::embed,
                   &Kernels::embed_backward, &Kernels::pack, &Kernels::unpack, &Kernels::matmul_weight_gradient,
                   &Kernels::rms_norm, &Kernels::rms_norm_backward, &Kernels::rotary_angles, &Kernels::rope,
                   &Kernels::append_kv, &Kernels::attention, &Kernels::attention_backward, &Kernels::swiglu,
                   &Kernels::swiglu_backward, &Kernels::softmax, &Kernels::cross_entropy,
                   &Kernels::cross_entropy_backward, &Kernels::add_bias, &Kernels::bias_gradient, &Kernels::add,
                   &Kernels::add_scaled, &Kernels::convert, &Kernels::dequantize, &Kernels::quantize,
                   &Kernels::sum_of_squares, &Kernels::adamw>(table);
    const Products products = {wrapped_matmul<Around>, wrapped_input_gradient<Around>};
    for (Products& of_dtype : table.products.by_dtype)
        if (of_dtype.matmul) of_dtype = products;
    table.dequantized = products;
    return table;
}

}  // namespace puna
