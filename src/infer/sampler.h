// infer/sampler.h — samples the next token from logits.
//
//   Sampler sampler({.temperature = 0.7f, .top_p = 0.9f, .seed = 1});
//   int32_t token = sampler.choose(logits, tokens);          // logits: [vocabulary], changed in place
//
// Order of application: repetition penalty, top-k, temperature, top-p, min-p. Ties go to the lower id. The random draw
// depends only on (seed, number of tokens so far), so that it is the same in any batch and on a retry. Time is linear
// in the vocabulary: it is never sorted as a whole.
//
// Stop strings: see infer/stream.h. Sources: top-k, Fan et al. 2018; top-p, Holtzman et al. 2020; min-p,
// Nguyen et al. 2024; repetition penalty, Keskar et al. 2019.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

struct SampleOptions {
    float temperature = 0.6f, top_p = 0.9f;  // the defaults of Meta's generation.py
    int top_k = 0;
    float min_p = 0, repetition_penalty = 1;
    int64_t seed = 0;
};
template <class F>
void fields(SampleOptions& o, F field) {
    field.group("Sampling");
    field("temperature", o.temperature,
          "divide the logits by this: lower is more predictable; 0 = always the most likely token",
          {.min = 0, .max = 100});
    field("top_p", o.top_p, "nucleus sampling: keep the most likely tokens up to this total probability; 1 = off",
          {.min = 0, .max = 1, .above_min = true});
    field("top_k", o.top_k, "keep only the N most likely tokens", {.min = 0, .unset = "off"});
    field("min_p", o.min_p, "drop tokens less likely than this fraction of the top token's probability",
          {.min = 0, .max = 1, .unset = "off"});
    field("repetition_penalty", o.repetition_penalty, "values above 1 make the last 64 tokens less likely",
          {.min = 0, .max = 100, .above_min = true, .unset = "off"});
    field("seed", o.seed, "random seed: the same seed gives the same text", {.min = 0, .unset = "from the clock"});
}

// Throws Error, as "top_p must be more than 0, not 0".
void validate(const SampleOptions& options);

[[noreturn]] void fail_nonfinite_logits();  // throws Error, also for those who use logits without sampling

class Sampler {
 public:
    explicit Sampler(const SampleOptions& options);  // throws Error like validate

    // tokens: all tokens so far. Never returns one of `excluded`. Throws Error if a logit is not finite.
    int32_t choose(std::span<float> logits, std::span<const int32_t> tokens, std::span<const int32_t> excluded = {});
    int64_t seed() const { return options_.seed; }  // also if it came from the clock

 private:
    struct Candidate {
        float weight;  // the logit, later proportional to the probability
        int32_t id;
    };
    struct MoreLikely {
        bool operator()(const Candidate& a, const Candidate& b) const {
            return a.weight > b.weight || (a.weight == b.weight && a.id < b.id);
        }
    };
    void keep_top_k();
    void keep_nucleus(double total);
    int32_t draw(int64_t position) const;

    SampleOptions options_;
    std::vector<Candidate> candidates_;  // reused between calls
};

}  // namespace puna
