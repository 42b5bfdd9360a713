// Names of kernel tables, and which table implements each kernel.
#include "kernels/cpu/tables.h"

#include <iterator>

namespace puna {

namespace {

template <auto kernel>
bool same(const Kernels& a, const Kernels& b) {
    return a.*kernel == b.*kernel;
}

template <Dtype dtype, auto product>
bool same_product(const Kernels& a, const Kernels& b) {
    return a.products_of(dtype).*product == b.products_of(dtype).*product;
}
template <auto product>
bool same_of_blocks(const Kernels& a, const Kernels& b) {
    return a.dequantized.*product == b.dequantized.*product;
}

struct ListedKernel {
    std::string_view name;
    bool (*same)(const Kernels& a, const Kernels& b);
};

constexpr ListedKernel listed[] = {
    {"embed", same<&Kernels::embed>},
    {"embed_backward", same<&Kernels::embed_backward>},
    {"matmul f32", same_product<Dtype::f32, &Products::matmul>},
    {"matmul bf16", same_product<Dtype::bf16, &Products::matmul>},
    {"matmul f16", same_product<Dtype::f16, &Products::matmul>},
    {"matmul block types", same_of_blocks<&Products::matmul>},
    {"matmul_input_gradient f32", same_product<Dtype::f32, &Products::input_gradient>},
    {"matmul_input_gradient bf16", same_product<Dtype::bf16, &Products::input_gradient>},
    {"matmul_input_gradient f16", same_product<Dtype::f16, &Products::input_gradient>},
    {"matmul_input_gradient block types", same_of_blocks<&Products::input_gradient>},
    {"pack", same<&Kernels::pack>},
    {"unpack", same<&Kernels::unpack>},
    {"matmul_weight_gradient", same<&Kernels::matmul_weight_gradient>},
    {"rms_norm", same<&Kernels::rms_norm>},
    {"rms_norm_backward", same<&Kernels::rms_norm_backward>},
    {"rotary_angles", same<&Kernels::rotary_angles>},
    {"rope", same<&Kernels::rope>},
    {"append_kv", same<&Kernels::append_kv>},
    {"attention", same<&Kernels::attention>},
    {"attention_backward", same<&Kernels::attention_backward>},
    {"swiglu", same<&Kernels::swiglu>},
    {"swiglu_backward", same<&Kernels::swiglu_backward>},
    {"softmax", same<&Kernels::softmax>},
    {"cross_entropy", same<&Kernels::cross_entropy>},
    {"cross_entropy_backward", same<&Kernels::cross_entropy_backward>},
    {"add_bias", same<&Kernels::add_bias>},
    {"bias_gradient", same<&Kernels::bias_gradient>},
    {"add", same<&Kernels::add>},
    {"add_scaled", same<&Kernels::add_scaled>},
    {"convert", same<&Kernels::convert>},
    {"dequantize", same<&Kernels::dequantize>},
    {"quantize", same<&Kernels::quantize>},
    {"sum_of_squares", same<&Kernels::sum_of_squares>},
    {"adamw", same<&Kernels::adamw>},
};

constexpr size_t products = 8;  // rows of the list

// A table is its name and extensions, its probes, its memory with three functions, its products, the rows of
// a panel, the size of a page, and the kernels of the list.
static_assert(sizeof(Kernels) == 2 * sizeof(std::string_view) + sizeof(Probes) + sizeof(DeviceMemory) +
                                     sizeof(ProductTable) + sizeof(Products) + alignof(Kernels) +
                                     (4 + std::size(listed) - products) * sizeof(void (*)()),
              "list every kernel above");

}  // namespace

std::string full_name(const Kernels& kernels) {
    std::string name(kernels.name);
    return kernels.extensions.empty() ? name : name + " with " + std::string(kernels.extensions);
}

std::vector<KernelOrigin> kernel_origins(const Kernels& table) {
    std::vector<KernelOrigin> list;
    for (const ListedKernel& kernel : listed)
        list.push_back({kernel.name, kernel.same(table, scalar_kernels) ? scalar_kernels.name : table.name});
    return list;
}

}  // namespace puna
