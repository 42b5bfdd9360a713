// infer/sampler.h — choose the next token from logits.
//
//   Sampler sampler({.temperature = 0.7f, .top_p = 0.9f, .seed = 1});
//   int32_t token = sampler.choose(logits, timeline);        // logits: [vocabulary], changed in place
//
// In this order: repetition penalty, top-k, temperature, top-p, min-p. Of equally likely tokens the lower id goes
// first. The draw is a function of (seed, length of the timeline) only, so that neither the batch nor a second try
// changes it. Takes time linear in the vocabulary: nothing sorts all of it.
//
// Knows nothing of stop words: see infer/stream.h. Sources: top-k, Fan et al. 2018; top-p, Holtzman et al. 2020; min-p,
// Nguyen et al. 2024; repetition penalty, Keskar et al. 2019.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

struct SampleOptions {
    float temperature = 0.6f, top_p = 0.9f;  // of Meta's own generation
    int top_k = 0;
    float min_p = 0, repetition_penalty = 1;
    int64_t seed = 0;
};
template <class F>
void fields(SampleOptions& o, F field) {
    field("temperature", o.temperature, "0 picks the likeliest token; higher is more varied");
    field("top_p", o.top_p, "keep the likeliest tokens that hold this much probability together; 1: all");
    field("top_k", o.top_k, "keep this many of the likeliest tokens; 0: all");
    field("min_p", o.min_p, "keep tokens at least this likely compared with the likeliest; 0: all");
    field("repetition_penalty", o.repetition_penalty, "above 1, the last 64 tokens become less likely; 1: off");
    field("seed", o.seed, "the same seed gives the same text; 0 draws one from the clock");
}

// Throws Error: "top_p: must be more than 0 and at most 1".
void validate(const SampleOptions& options);

class Sampler {
 public:
    explicit Sampler(const SampleOptions& options);  // throws Error as validate

    // Never one of `excluded`. Throws Error for logits that are not numbers.
    int32_t choose(std::span<float> logits, std::span<const int32_t> timeline, std::span<const int32_t> excluded = {});
    int64_t seed() const { return options_.seed; }  // also the one that the clock gave

 private:
    struct Candidate {
        float weight;  // the logit, later in proportion to the probability
        int32_t id;
    };
    struct Likelier {
        bool operator()(const Candidate& a, const Candidate& b) const {
            return a.weight > b.weight || (a.weight == b.weight && a.id < b.id);
        }
    };
    void keep_top_k();
    void keep_nucleus(double total);
    int32_t draw(int64_t position) const;

    SampleOptions options_;
    std::vector<Candidate> candidates_;  // kept between calls for its memory
};

}  // namespace puna
