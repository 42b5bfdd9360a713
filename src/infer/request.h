// infer/request.h — what an engine is asked, and what it answers: plain data.
//
//   Request request{.tokens = prompt, .options = {.max_tokens = 100}};
//   Request rated{.task = Task::score, .tokens = text, .from = 1};
#pragma once
#include "core/error.h"
#include "infer/token_mask.h"
#include "model/generation_defaults.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct GenerateOptions {
    SampleOptions sample;
    int64_t max_tokens = 0;
    std::vector<std::string> stop;
};
template <class F>
void fields(GenerateOptions& o, F field) {
    fields(o.sample, field);
    field.group("Length");
    field("max_tokens", o.max_tokens, "maximum number of tokens to generate",
          {.min = 0, .unset = "until a stop token or the end of the context"});
    field("stop", o.stop, "text that ends the answer, \\n for a newline; may be given several times");
}

enum class Task : uint8_t {
    generate,  // continues `tokens`
    score,     // log probabilities of tokens[from], tokens[from + 1], ..., each given all tokens before it
    embed,     // the mean of the hidden states after the final norm, normalized to length 1
};

constexpr int64_t max_logit_rows = 64;  // of a request that wants logits: 33 MB with a vocabulary of 128k
constexpr int max_alternatives = 100;

struct Request {
    Task task = Task::generate;
    std::vector<int32_t> tokens;  // the prompt, or the text
    GenerateOptions options;
    std::vector<int32_t> stop_ids;  // in addition to the engine's
    TokenMask allowed;              // which tokens may be generated; of size 0: all
    int logprobs = -1;              // log probabilities of generated tokens and of this many alternatives; -1: none
    int64_t from = 1;               // of a score
    bool logits = false;            // of a score: also the logits that predict the scored tokens
    int adapter = -1;               // index of a LoRA adapter; -1: the engine's (EngineOptions)
    int priority = 0;               // a higher one runs first
    std::string tenant;             // cached prefixes are shared within a tenant only
};

struct TokenLogprob {
    int32_t id;
    float logprob;  // natural logarithm
};

struct GeneratedToken {
    int32_t id;
    float logprob = 0;                       // with Request::logprobs: before temperature and the other options
    std::vector<TokenLogprob> alternatives;  // the most likely tokens, most likely first
};

// stop: stop token or stop string; length: max_tokens reached; context: context full; failed: see Answer::problem.
enum class Finish : uint8_t { running, stop, length, context, canceled, failed };
std::string_view name_of(Finish finish);

struct Answer {
    std::vector<int32_t> ids;  // without the stop token
    std::string text;
    std::vector<GeneratedToken> tokens;  // the ids, with what Request::logprobs asks for
    std::vector<float> log_p;            // of a score
    std::vector<float> logits;           // [log_p, vocabulary]
    std::vector<float> embedding;        // [dim]
    Finish finish = Finish::running;
    ErrorKind kind = ErrorKind::failed;     // of the problem
    std::string problem;                    // error message if failed
    int64_t prompt_tokens = 0, reused = 0;  // reused: prompt tokens found in the KV cache
    int64_t seed = 0;
    double prompt_seconds = 0, seconds = 0;  // until the first token; from the first token to the last
    double tokens_per_second() const;        // decoding speed, without the first token; 0 for fewer than two
};

// The prompt and the requested tokens exceed the context: throws Error of the kind too_large.
[[noreturn]] void fail_context_full(int64_t prompt, int64_t requested, int64_t context);

}  // namespace puna
