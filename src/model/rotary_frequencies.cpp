#include "model/rope_scaling.h"

#include "core/math.h"
#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace puna {

namespace {

double power(double base, double exponent) { return exact::exp(exponent * exact::log(base)); }

// base^(-2p / head_dim) for every pair p.
std::vector<double> plain_frequencies(double base, int64_t head_dim) {
    std::vector<double> frequencies;
    for (int64_t p = 0; p < head_dim / 2; ++p)
        frequencies.push_back(power(base, -2.0 * static_cast<double>(p) / static_cast<double>(head_dim)));
    return frequencies;
}

// The base that grows with the context, once that exceeds max_position_embeddings.
double dynamic_base(const Config& c, int64_t context) {
    double longest = static_cast<double>(c.context), n = std::max(static_cast<double>(context), longest);
    double stretch = c.rope_scaling->factor * n / longest - (c.rope_scaling->factor - 1);
    return c.rope_theta * power(stretch, static_cast<double>(c.head_dim) / static_cast<double>(c.head_dim - 2));
}

// Pairs that make many rotations within the original context keep their frequency, those with few are slowed down by
// the factor, in between linearly in the number of rotations.
void scale_llama3(std::vector<double>& frequencies, const RopeScaling& r) {
    for (double& f : frequencies) {
        double rotations = static_cast<double>(r.original_context) * f / 6.283185307179586;
        double keep = std::clamp(
            (rotations - r.low_frequency_factor) / (r.high_frequency_factor - r.low_frequency_factor), 0.0, 1.0);
        f *= keep + (1 - keep) / r.factor;
    }
}

// The same with a ramp that is linear in the number of the pair.
void scale_yarn(std::vector<double>& frequencies, const RopeScaling& r, double base) {
    double dim = 2 * static_cast<double>(frequencies.size()), original = static_cast<double>(r.original_context);
    auto pair_with = [&](double rotations) {
        return dim * exact::log(original / (rotations * 2 * std::numbers::pi)) / (2 * exact::log(base));
    };
    double low = pair_with(r.fast_rotations), high = pair_with(r.slow_rotations);
    if (r.whole_pairs) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0);
    high = std::min(high, dim - 1);
    if (low == high) high += 0.001;
    for (size_t p = 0; p < frequencies.size(); ++p) {
        double slow = std::clamp((static_cast<double>(p) - low) / (high - low), 0.0, 1.0);
        frequencies[p] = frequencies[p] / r.factor * slow + frequencies[p] * (1 - slow);
    }
}

bool is_long(const RopeScaling& r, int64_t context) { return context > r.original_context; }

double attention_factor_of(const RopeScaling& r) {
    if (r.kind != RopeKind::yarn && r.kind != RopeKind::longrope) return 1;
    if (r.attention_factor) return *r.attention_factor;
    if (r.kind == RopeKind::yarn) return yarn_attention(r.factor, 1);
    double original = static_cast<double>(r.original_context);
    return r.factor <= 1 ? 1 : std::sqrt(1 + exact::log(r.factor) / exact::log(original));
}

}  // namespace

double yarn_attention(double factor, double scale) { return factor <= 1 ? 1 : 0.1 * scale * exact::log(factor) + 1; }

RotaryFrequencies rotary_frequencies(const Config& c, int64_t context) {
    bool is_dynamic = c.rope_scaling && c.rope_scaling->kind == RopeKind::dynamic;
    double base = is_dynamic ? dynamic_base(c, context) : c.rope_theta;
    std::vector<double> frequencies = plain_frequencies(base, c.head_dim);
    RotaryFrequencies rotary;
    if (c.rope_scaling) {
        const RopeScaling& r = *c.rope_scaling;
        const std::vector<double>& divisors = is_long(r, context) ? r.long_divisors : r.short_divisors;
        if (r.kind == RopeKind::llama3) scale_llama3(frequencies, r);
        if (r.kind == RopeKind::yarn) scale_yarn(frequencies, r, base);
        for (size_t p = 0; p < frequencies.size(); ++p) {
            if (r.kind == RopeKind::linear) frequencies[p] /= r.factor;
            if (r.kind == RopeKind::longrope) frequencies[p] /= divisors[p];
        }
        rotary.attention_factor = static_cast<float>(attention_factor_of(r));
    }
    for (double f : frequencies) rotary.values.push_back(static_cast<float>(f));
    return rotary;
}

int64_t max_context(const Config& c) {
    if (!c.rope_scaling || c.rope_scaling->kind != RopeKind::dynamic) return c.context;
    double longest = c.rope_scaling->factor * static_cast<double>(c.context);
    return static_cast<int64_t>(std::min(longest, static_cast<double>(ConfigLimits::context)));
}

int64_t rotary_choice(const Config& c, int64_t context) {
    if (!c.rope_scaling) return 0;
    if (c.rope_scaling->kind == RopeKind::dynamic) return std::max(context, c.context);
    return c.rope_scaling->kind == RopeKind::longrope ? 1 + is_long(*c.rope_scaling, context) : 0;
}

std::string describe_rope(const Config& c, int64_t context) {
    if (!c.rope_scaling) return "none";
    const RopeScaling& r = *c.rope_scaling;
    std::string text = fmt::format("{}, factor {:g}", name_of(r.kind), r.factor);
    if (r.kind == RopeKind::dynamic)
        return fmt::format("{}, for {} tokens: base {:.6g}", text, context, dynamic_base(c, context));
    if (r.kind == RopeKind::linear) return text;
    text += fmt::format(", from {} tokens", r.original_context);
    if (r.kind == RopeKind::longrope)
        text += fmt::format(", for {} tokens: {} factors", context, is_long(r, context) ? "long" : "short");
    double attention = attention_factor_of(r);
    return attention == 1 ? text : fmt::format("{}, attention factor {:.6g}", text, attention);
}

}  // namespace puna
