// infer/sampler.h — samples the next token from logits.
//
//   Sampler sampler({.temperature = 0.7f, .top_p = 0.9f, .seed = 1}, prompt_tokens);
//   int32_t token = sampler.choose(logits, tokens);          // logits: [vocabulary], changed in place
//
// Order of application: repetition penalty (of the last 64 tokens), frequency and presence penalty, DRY and length
// penalty (of all tokens after the prompt), top-k, temperature, top-p, min-p. Ties go to the lower id. The random draw
// depends only on (seed, number of tokens so far), so that it is the same in any batch and on a retry. Time is linear
// in the vocabulary, which is never sorted as a whole, and with DRY in the answer.
//
// DRY ("don't repeat yourself"): if the answer ends with n tokens, n >= dry_allowed_length, that it contained before,
// the token that followed them then loses dry_multiplier * dry_base^(n - dry_allowed_length). As the prompt does not
// count, nor its template's control tokens, there are no sequence breakers.
//
// Stop strings: see infer/stream.h. Sources: top-k, Fan et al. 2018; top-p, Holtzman et al. 2020; min-p,
// Nguyen et al. 2024; repetition penalty, Keskar et al. 2019; frequency and presence penalty, OpenAI's API; DRY, p-e-w
// 2024 (text-generation-webui, pull request 5677); length penalty, transformers' exponential_decay_length_penalty.
#pragma once
#include "infer/token_mask.h"
#include "model/generation_defaults.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

[[noreturn]] void fail_nonfinite_logits();  // throws Error, also for those who use logits without sampling

// log of the sum of exp(logit); highest: the largest of them.
double log_sum_exp(std::span<const float> logits, float highest);

class Sampler {
 public:
    // Values as the fields accept. prompt_tokens: how many of the tokens belong to the prompt. ends: tokens that end
    // the answer.
    explicit Sampler(const SampleOptions& options, int64_t prompt_tokens = 0, std::vector<int32_t> ends = {});

    // tokens: all tokens so far. allowed: of the logits' size and not empty, or of size 0: all. Throws Error if a logit
    // of an allowed token is not finite.
    int32_t choose(std::span<float> logits, std::span<const int32_t> tokens, const TokenMask& allowed = {});
    int64_t seed() const { return *options_.seed; }  // also if it came from the clock

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
    void penalize_answer(std::span<float> logits, std::span<const int32_t> tokens);
    void penalize_length(std::span<float> logits, int64_t answer_tokens) const;
    void keep_top_k();
    void keep_nucleus(double total);
    int32_t draw(int64_t position) const;

    SampleOptions options_;
    size_t prompt_tokens_, counted_;  // counted_: tokens that counts_ includes, after those of the prompt
    std::vector<int32_t> ends_;
    std::vector<int32_t> counts_;        // [vocabulary]: how often the answer contains each token
    std::vector<Candidate> candidates_;  // reused between calls
};

}  // namespace puna
