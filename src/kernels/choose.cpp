#include "kernels/cpu/tables.h"
#include "kernels/probe.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

namespace puna {

namespace {

constexpr std::string_view names[] = {"cuda", "avx512", "avx2", "scalar"};

#if defined(__x86_64__)
bool has_avx512() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
// clang 14 cannot ask for f16c; every processor with avx2 has it.
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_bf16() { return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni"); }
#endif

// Best first. Tables live as long as the program.
std::vector<const Kernels*> find_all() {
    std::vector<const Kernels*> list;
    if (const Kernels* cuda = cuda_kernels()) list.push_back(cuda);
#if defined(__x86_64__)
    if (has_avx512()) {
        static const Kernels avx512 = make_avx512_kernels(has_bf16(), "avx512");
        list.push_back(&avx512);
    }
    if (has_avx2()) {
        static const Kernels avx2 = make_avx2_kernels();
        list.push_back(&avx2);
    }
#endif
    list.push_back(&scalar_kernels);
    return list;
}

// Tables that leave out an extension which the machine has: as an older processor would compute.
std::vector<const Kernels*> find_restricted() {
    std::vector<const Kernels*> list;
#if defined(__x86_64__)
    if (has_avx512() && has_bf16()) {
        static const Kernels no_bf16 = make_avx512_kernels(false, "avx512,-bf16");
        list.push_back(&no_bf16);
    }
#endif
    return list;
}

}  // namespace

std::span<const Kernels* const> available_kernels() {
    static const std::vector<const Kernels*> list = find_all();
    return list;
}

std::span<const Kernels* const> restricted_kernels() {
    static const std::vector<const Kernels*> list = find_restricted();
    return list;
}

std::span<const std::string_view> known_kernels() { return names; }

const Kernels* find_kernels(std::string_view name) {
    for (std::span<const Kernels* const> tables : {available_kernels(), restricted_kernels()})
        for (const Kernels* table : tables)
            if (table->name == name) return table;
    return nullptr;
}

const Kernels& choose_kernels() {
    const char* wanted = std::getenv("PUNA_KERNELS");
    if (!wanted || !*wanted) return *available_kernels().front();
    if (const Kernels* table = find_kernels(wanted)) return *table;
    std::string here;
    for (const Kernels* table : available_kernels()) here += (here.empty() ? "" : ", ") + std::string(table->name);
    bool known = std::find(std::begin(names), std::end(names), wanted) != std::end(names);
    fail("PUNA_KERNELS={}: {}; use one of: {}", wanted, known ? "this machine cannot run it" : "no such kernels", here);
}

namespace {

double scalar_operations(int64_t rounds) {
    float sum = 0, factor = 1e-9f;
    for (int64_t r = 0; r < rounds; ++r) {
        sum += factor * factor;
        asm volatile("" : "+m"(sum));
    }
    return 2.0 * static_cast<double>(rounds);
}

float scalar_read(const float* numbers, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += numbers[i];
    return sum;
}

Probes best_probes() {
#if defined(__x86_64__)
    if (has_avx512() && has_bf16()) return avx512_bf16_probes;
    if (has_avx512()) return avx512_probes;
    if (has_avx2()) return avx2_probes;
#endif
    return {scalar_operations, nullptr, nullptr, scalar_read};
}

}  // namespace

double probe_operations(Probe probe, int64_t rounds) {
    Probes probes = best_probes();
    auto run = probe == Probe::f32 ? probes.f32 : probe == Probe::bf16 ? probes.bf16 : probes.int8;
    return run ? run(rounds) : 0;
}

float probe_read(std::span<const float> numbers) {
    return best_probes().read(numbers.data(), static_cast<int64_t>(numbers.size()));
}

namespace {

template <auto kernel>
bool same(const Kernels& a, const Kernels& b) {
    return a.*kernel == b.*kernel;
}

struct ListedKernel {
    std::string_view name;
    bool (*same)(const Kernels& a, const Kernels& b);
};

constexpr ListedKernel listed[] = {
    {"embed", same<&Kernels::embed>},
    {"embed_gradient", same<&Kernels::embed_gradient>},
    {"matmul", same<&Kernels::matmul>},
    {"matmul_input_gradient", same<&Kernels::matmul_input_gradient>},
    {"matmul_weight_gradient", same<&Kernels::matmul_weight_gradient>},
    {"rms_norm", same<&Kernels::rms_norm>},
    {"rms_norm_gradient", same<&Kernels::rms_norm_gradient>},
    {"rotary_angles", same<&Kernels::rotary_angles>},
    {"rope", same<&Kernels::rope>},
    {"attention", same<&Kernels::attention>},
    {"attention_gradient", same<&Kernels::attention_gradient>},
    {"swiglu", same<&Kernels::swiglu>},
    {"swiglu_gradient", same<&Kernels::swiglu_gradient>},
    {"softmax", same<&Kernels::softmax>},
    {"cross_entropy", same<&Kernels::cross_entropy>},
    {"cross_entropy_gradient", same<&Kernels::cross_entropy_gradient>},
    {"add", same<&Kernels::add>},
    {"add_scaled", same<&Kernels::add_scaled>},
    {"convert", same<&Kernels::convert>},
    {"sum_of_squares", same<&Kernels::sum_of_squares>},
    {"adamw", same<&Kernels::adamw>},
};

// A table is its name, five functions for memory, and the kernels of the list.
static_assert(sizeof(Kernels) == sizeof(std::string_view) + (5 + std::size(listed)) * sizeof(void (*)()),
              "list every kernel above");

}  // namespace

std::vector<KernelOrigin> kernel_origins(const Kernels& table) {
    std::vector<KernelOrigin> list;
    for (const ListedKernel& kernel : listed)
        list.push_back({kernel.name, kernel.same(table, scalar_kernels) ? scalar_kernels.name : table.name});
    return list;
}

}  // namespace puna
