// infer/step.h — one step of the engine: which tokens of which sequences a pass computes, and what it returns of them.
//
//   Step step = scheduler.next();
//   std::vector<int32_t> words = encode(step);           // for the other processes of a group
//   Step same = decode_step(words);
//
// Plain data: it refers to nothing, so that rank 0 can send it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace puna {

// Of the wanted rows of a sequence: their logits, log probabilities of targets, or hidden states after the final norm.
enum class Wanted : uint8_t { logits, scores, scores_and_logits, hidden };

inline bool wants_scores(Wanted wanted) { return wanted == Wanted::scores || wanted == Wanted::scores_and_logits; }

struct StepSequence {
    int64_t request = 0;          // id
    int64_t past = 0;             // its tokens in the cache
    std::vector<int32_t> tokens;  // computed in this step, at least one
    std::vector<int32_t> pages;   // of all its tokens, the new ones included
    int adapter = -1;             // index of its LoRA adapter; -1: none
    Wanted wanted = Wanted::logits;
    int64_t rows = 0;              // the last `rows` of `tokens` are wanted
    std::vector<int32_t> targets;  // scores: [rows], the token after each wanted one

    bool operator==(const StepSequence&) const = default;
};

struct Step {
    std::vector<StepSequence> sequences;

    bool operator==(const Step&) const = default;
};

// Between processes of one program; damaged words are a Bug.
std::vector<int32_t> encode(const Step& step);
Step decode_step(std::span<const int32_t> words);

}  // namespace puna
