#include "infer/sampler.h"

#include "core/error.h"
#include "core/fields.h"
#include "core/random.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace puna {

namespace {

constexpr size_t penalized_tokens = 64;
constexpr size_t max_matched_tokens = 64;  // longer repeated sequences count as this long: bounds the time of DRY
constexpr double max_penalty = 1e6;        // decides, and keeps the logit finite
constexpr float excluded_logit =
    std::numeric_limits<float>::lowest();  // not -infinity, which counts as a damaged model

// Index of the largest logit, the first one of equals. Throws Error if a logit is NaN or infinite.
size_t argmax_finite(std::span<const float> logits) {
    size_t best = 0;
    float nonfinite = 0;  // becomes NaN if any logit is not finite
    for (size_t i = 0; i < logits.size(); ++i) {
        nonfinite += logits[i] * 0;
        if (logits[i] > logits[best]) best = i;
    }
    if (!(nonfinite == 0)) fail_nonfinite_logits();
    return best;
}

void penalize_repetition(std::span<float> logits, std::span<const int32_t> tokens, float penalty) {
    std::span<const int32_t> recent = tokens.last(std::min(tokens.size(), penalized_tokens));
    for (size_t i = 0; i < recent.size(); ++i) {
        bool already_penalized = std::find(recent.begin(), recent.begin() + static_cast<ptrdiff_t>(i), recent[i]) !=
                                 recent.begin() + static_cast<ptrdiff_t>(i);
        size_t id = static_cast<size_t>(recent[i]);
        if (already_penalized || id >= logits.size()) continue;
        logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }
}

// How many tokens before answer[end] are the same as those at the end of the answer.
size_t matched_tokens(std::span<const int32_t> answer, size_t end) {
    size_t n = 0, max = std::min(end, max_matched_tokens);
    while (n < max && answer[end - 1 - n] == answer[answer.size() - 1 - n]) ++n;
    return n;
}

void penalize_repeated_sequences(std::span<float> logits, std::span<const int32_t> answer,
                                 const SampleOptions& options) {
    std::unordered_map<size_t, size_t> repeated;  // token: length of the longest sequence that it would repeat
    size_t allowed = static_cast<size_t>(options.dry_allowed_length);
    for (size_t i = 1; i < answer.size(); ++i)
        if (size_t n = matched_tokens(answer, i); n >= allowed) {
            size_t& longest = repeated[static_cast<size_t>(answer[i])];
            longest = std::max(longest, n);
        }
    for (auto [id, n] : repeated) {
        if (id >= logits.size()) continue;
        double growth = std::pow(static_cast<double>(options.dry_base), static_cast<double>(n - allowed));
        logits[id] -= static_cast<float>(std::min(static_cast<double>(options.dry_multiplier) * growth, max_penalty));
    }
}

int64_t seed_from_clock() {
    int64_t now = std::chrono::system_clock::now().time_since_epoch().count();
    return static_cast<int64_t>(Random(static_cast<uint64_t>(now)).bits()) + 1;  // short enough to retype
}

}  // namespace

void fail_nonfinite_logits() {
    fail(ErrorKind::damaged,
         "the model's logits are not finite: its weights are damaged or overflow in this dtype (try the type f32)");
}

double log_sum_exp(std::span<const float> logits, float highest) {
    double sum = 0;
    for (float value : logits) sum += std::exp(static_cast<double>(value - highest));
    return std::log(sum) + static_cast<double>(highest);
}

Sampler::Sampler(const SampleOptions& options, int64_t prompt_tokens, std::vector<int32_t> ends)
    : options_(options),
      prompt_tokens_(static_cast<size_t>(prompt_tokens)),
      counted_(prompt_tokens_),
      ends_(std::move(ends)) {
    if (!options_.seed) options_.seed = seed_from_clock();
}

void Sampler::penalize_answer(std::span<float> logits, std::span<const int32_t> tokens) {
    if (tokens.size() < counted_) counts_.clear();  // fewer tokens than in the last call
    if (counts_.empty()) counted_ = prompt_tokens_;
    counts_.resize(logits.size());
    for (; counted_ < tokens.size(); ++counted_) {
        auto id = static_cast<size_t>(tokens[counted_]);
        if (id < counts_.size()) ++counts_[id];
    }
    for (size_t id = 0; id < logits.size(); ++id)
        if (counts_[id] > 0)
            logits[id] -= options_.frequency_penalty * static_cast<float>(counts_[id]) + options_.presence_penalty;
}

// logit + |logit| * (factor^n - 1) for n tokens after the start
void Sampler::penalize_length(std::span<float> logits, int64_t answer_tokens) const {
    int64_t n = answer_tokens - options_.length_penalty_start;
    if (n <= 0) return;
    double growth = std::pow(static_cast<double>(options_.length_penalty_factor), static_cast<double>(n));
    growth = std::min(growth, max_penalty);
    for (int32_t end : ends_)
        if (auto id = static_cast<size_t>(end); id < logits.size()) {
            double raise = std::abs(static_cast<double>(logits[id])) * (growth - 1);
            logits[id] += static_cast<float>(std::min(raise, max_penalty));
        }
}

// Keeps the k most likely, sorted.
void Sampler::keep_top_k() {
    size_t k = static_cast<size_t>(options_.top_k);
    if (k == 0 || k >= candidates_.size()) return;
    auto end = candidates_.begin() + static_cast<ptrdiff_t>(k);
    std::nth_element(candidates_.begin(), end, candidates_.end(), MoreLikely{});
    candidates_.erase(end, candidates_.end());
    std::sort(candidates_.begin(), candidates_.end(), MoreLikely{});
}

// Keeps the smallest set of most likely tokens with top_p of the total, without those below min_p. Sorts the first 32,
// then eight times as many until that is enough.
void Sampler::keep_nucleus(double total) {
    double target_mass = options_.top_p < 1 ? static_cast<double>(options_.top_p) * total : HUGE_VAL, mass = 0;
    auto begin = candidates_.begin(), sorted = begin;
    for (ptrdiff_t n = 32; sorted != candidates_.end(); n *= 8) {
        auto end = n < candidates_.end() - begin ? begin + n : candidates_.end();
        if (end != candidates_.end()) std::nth_element(sorted, end, candidates_.end(), MoreLikely{});
        std::sort(sorted, end, MoreLikely{});
        for (; sorted != end; ++sorted) {
            bool enough = sorted != begin &&
                          (mass >= target_mass || sorted->weight < options_.min_p);  // the most likely has weight 1
            if (enough) {
                candidates_.erase(sorted, candidates_.end());
                return;
            }
            mass += static_cast<double>(sorted->weight);
        }
    }
}

int32_t Sampler::draw(int64_t position) const {
    Random random(static_cast<uint64_t>(*options_.seed));
    random.seek(static_cast<uint64_t>(position));
    double total = 0;
    for (const Candidate& candidate : candidates_) total += static_cast<double>(candidate.weight);
    double remaining = static_cast<double>(random.uniform()) * total;
    for (const Candidate& candidate : candidates_)
        if ((remaining -= static_cast<double>(candidate.weight)) < 0) return candidate.id;
    return candidates_.front().id;  // rounding error: the remainder goes to the first candidate
}

int32_t Sampler::choose(std::span<float> logits, std::span<const int32_t> tokens, const TokenMask& allowed) {
    check(!logits.empty() && (allowed.size() == 0 || allowed.size() == logits.size()), "{} logits and a mask of {}",
          logits.size(), allowed.size());
    if (options_.repetition_penalty != 1) penalize_repetition(logits, tokens, options_.repetition_penalty);
    if (options_.frequency_penalty != 0 || options_.presence_penalty != 0) penalize_answer(logits, tokens);
    std::span<const int32_t> answer = tokens.subspan(std::min(tokens.size(), prompt_tokens_));
    if (options_.dry_multiplier != 0) penalize_repeated_sequences(logits, answer, options_);
    if (options_.length_penalty_factor != 1) penalize_length(logits, std::ssize(answer));
    bool excluded = false;
    allowed.each_forbidden([&](size_t id) {
        logits[id] = excluded_logit;
        excluded = true;
    });
    size_t best = argmax_finite(logits);
    if (options_.temperature == 0) return static_cast<int32_t>(best);

    candidates_.resize(logits.size());
    for (size_t i = 0; i < logits.size(); ++i) candidates_[i] = {logits[i], static_cast<int32_t>(i)};
    if (excluded) std::erase_if(candidates_, [](const Candidate& c) { return c.weight == excluded_logit; });
    keep_top_k();
    float max_logit = logits[best];
    double total = 0;
    for (Candidate& candidate : candidates_) {
        candidate.weight = std::exp((candidate.weight - max_logit) / options_.temperature);
        total += static_cast<double>(candidate.weight);
    }
    if (options_.top_p < 1 || options_.min_p > 0) keep_nucleus(total);
    return draw(static_cast<int64_t>(tokens.size()));
}

}  // namespace puna
