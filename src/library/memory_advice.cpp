#include "library/memory_advice.h"

#include "core/progress.h"
#include "model/quantization_mix.h"

#include <fmt/format.h>

namespace puna {

namespace {

constexpr int64_t useful_context = 512;  // tokens; with less, other weights help more

// Such as people quantize to, the finest first.
constexpr std::string_view types[] = {"q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k", "iq2_xxs"};

std::vector<HeldWeight> quantized_weights(std::string_view type, const Config& config) {
    std::vector<HeldWeight> held;
    for (const auto& [weight, dtype, wanted] : mix_weights(find_file_type(type), config, true).weights)
        held.push_back({bytes_of(dtype, weight.count()).value_or(max_weight_bytes)});
    return held;
}

int64_t bytes_of(std::span<const HeldWeight> weights) {
    double total = 0;
    for (const HeldWeight& weight : weights) total += static_cast<double>(weight.bytes);
    return static_cast<int64_t>(total);
}

}  // namespace

int64_t largest_context(const Kernels& kernels, const Config& config, std::span<const HeldWeight> weights,
                        const EngineOptions& options, int64_t available) {
    auto fits = [&](int64_t pages) {
        EngineOptions with = options;
        with.context = pages * page_tokens;
        with.cache_tokens = 0;
        return plan_memory(kernels, config, weights, with, available).fits();
    };
    int64_t least = 0, most = max_context(config) / page_tokens;
    if (most > 0 && fits(most)) return most * page_tokens;
    while (most - least > 1) {
        int64_t middle = least + (most - least) / 2;
        (fits(middle) ? least : most) = middle;
    }
    return least * page_tokens;
}

std::string memory_advice(const Kernels& kernels, const Config& config, std::span<const HeldWeight> weights,
                          const EngineOptions& options, int64_t available) {
    available -= available / 64;  // it fluctuates, and what is offered is to fit in a minute too
    int64_t context = largest_context(kernels, config, weights, options, available);
    if (context >= useful_context) return fmt::format("a context of {} would fit", format_count(context, "token"));
    std::string shorter;  // the finest type that fits with another context
    for (std::string_view type : types) {
        std::vector<HeldWeight> planned = quantized_weights(type, config);
        int64_t bytes = bytes_of(planned);
        if (bytes >= bytes_of(weights)) continue;
        std::string quantized = fmt::format("quantized to {}, with {} of weights, ", type,
                                            format_quantity(static_cast<double>(bytes), "B"));
        if (plan_memory(kernels, config, planned, options, available).fits()) return quantized + "it would fit";
        context = largest_context(kernels, config, planned, options, available);
        if (shorter.empty() && context >= useful_context)
            shorter = quantized + fmt::format("a context of {} would fit", format_count(context, "token"));
    }
    return shorter.empty() ? "use a smaller model, or a machine with more memory" : shorter;
}

}  // namespace puna
