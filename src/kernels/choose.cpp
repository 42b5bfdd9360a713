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
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
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
        static const Kernels avx512 = make_avx512_kernels(has_bf16());
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

}  // namespace

std::span<const Kernels* const> available_kernels() {
    static const std::vector<const Kernels*> list = find_all();
    return list;
}

std::span<const std::string_view> known_kernels() { return names; }

const Kernels* find_kernels(std::string_view name) {
    for (const Kernels* table : available_kernels())
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

float probe_read(std::span<const float> numbers) { return best_probes().read(numbers.data(), static_cast<int64_t>(numbers.size())); }

std::vector<KernelOrigin> kernel_origins(const Kernels& table) {
    const Kernels& s = scalar_kernels;
    std::vector<KernelOrigin> list;
    auto note = [&](std::string_view kernel, bool same) { list.push_back({kernel, same ? s.name : table.name}); };
    note("embed", table.embed == s.embed);
    note("embed_gradient", table.embed_gradient == s.embed_gradient);
    note("matmul", table.matmul == s.matmul);
    note("matmul_input_gradient", table.matmul_input_gradient == s.matmul_input_gradient);
    note("matmul_weight_gradient", table.matmul_weight_gradient == s.matmul_weight_gradient);
    note("rms_norm", table.rms_norm == s.rms_norm);
    note("rms_norm_gradient", table.rms_norm_gradient == s.rms_norm_gradient);
    note("rotary_angles", table.rotary_angles == s.rotary_angles);
    note("rope", table.rope == s.rope);
    note("attention", table.attention == s.attention);
    note("attention_gradient", table.attention_gradient == s.attention_gradient);
    note("swiglu", table.swiglu == s.swiglu);
    note("swiglu_gradient", table.swiglu_gradient == s.swiglu_gradient);
    note("softmax", table.softmax == s.softmax);
    note("cross_entropy", table.cross_entropy == s.cross_entropy);
    note("cross_entropy_gradient", table.cross_entropy_gradient == s.cross_entropy_gradient);
    note("add", table.add == s.add);
    note("add_scaled", table.add_scaled == s.add_scaled);
    note("convert", table.convert == s.convert);
    note("sum_of_squares", table.sum_of_squares == s.sum_of_squares);
    note("adamw", table.adamw == s.adamw);
    return list;
}

}  // namespace puna
