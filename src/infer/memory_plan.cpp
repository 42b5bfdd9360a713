#include "infer/memory_plan.h"

#include "core/checked.h"
#include "core/progress.h"
#include "infer/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace puna {

namespace {

constexpr double packing_share = 0.75;  // of the memory that nothing else needs
constexpr int64_t float_bytes = 4, max_bytes = std::numeric_limits<int64_t>::max();

int64_t sum(std::initializer_list<int64_t> terms) {
    int64_t total = 0;
    for (int64_t term : terms) total = checked_add(total, term).value_or(max_bytes);
    return total;
}

int64_t product(std::initializer_list<int64_t> factors) {
    int64_t total = 1;
    for (int64_t factor : factors) total = checked_multiply(total, factor).value_or(max_bytes);
    return total;
}

// Of each token, the values of a layer that are alive at once, and a hidden state that is returned; of each row whose
// logits are wanted, these, as they are returned. They are computed in parts.
int64_t activation_bytes(const Config& c, const EngineOptions& options) {
    int64_t layer = 6 * c.dim + 3 * c.q_dim() + 2 * c.kv_dim() + 3 * c.ffn;
    int64_t rows = std::min(options.step_tokens, product({options.sequences, max_logit_rows}));
    int64_t part = std::min(rows, max_logit_rows);
    return sum({product({float_bytes, options.step_tokens, layer + c.dim}),
                product({float_bytes, sum({rows, part}), c.vocabulary})});
}

std::string quantity(int64_t bytes) { return format_quantity(static_cast<double>(bytes), "B"); }

}  // namespace

int64_t MemoryPlan::needed() const { return sum({weights, cache, activations}); }
int64_t MemoryPlan::total() const { return sum({mapped, weights, cache, activations}); }

MemoryPlan plan_memory(const Kernels& kernels, const Config& config, std::span<const HeldWeight> weights,
                       const EngineOptions& options, int64_t available) {
    MemoryPlan plan{.context = choose_context(config, options.context), .available = available};
    for (const HeldWeight& weight : weights) {
        int64_t& bytes = weight.mapped ? plan.mapped : plan.weights;
        bytes = sum({bytes, weight.bytes});
    }
    int64_t page = page_bytes_of(kernels, config.layers, config.attention(), options.cache_type);
    plan.cache = product({cache_pages(config, options), page});
    plan.activations = activation_bytes(config, options);
    int64_t unused = plan.fits() ? available - plan.total() : 0;
    plan.packed = static_cast<int64_t>(packing_share * static_cast<double>(unused));
    return plan;
}

int64_t choose_context(const Config& config, int64_t requested) {
    int64_t most = max_context(config);
    if (requested < 0 || requested > most)
        fail_value("context", "{} is more than this model supports: use at most {}", requested, most);
    return requested > 0 ? requested : std::min(config.context, default_context);
}

int64_t cache_pages(const Config& config, const EngineOptions& options) {
    int64_t one = pages_for(choose_context(config, options.context));
    check(options.sequences > 0 && options.step_tokens > 0, "an engine for {} sequences and {} tokens per step",
          options.sequences, options.step_tokens);
    return options.cache_tokens > 0 ? std::max(one, pages_for(options.cache_tokens))
                                    : product({options.sequences, one});
}

std::string describe(const MemoryPlan& plan) {
    return fmt::format(
        "{} of memory are needed ({} for weights, {} for the KV cache of {} tokens, {} for activations), but {} are "
        "available",
        quantity(plan.total()), quantity(sum({plan.weights, plan.mapped})), quantity(plan.cache), plan.context,
        quantity(plan.activations), quantity(plan.available));
}

}  // namespace puna
