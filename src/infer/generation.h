// infer/generation.h — one answer being generated.
//
//   Generation generation(engine, session, prompt, {.max_tokens = 100});      // throws ContextFull
//   while (!generation.done()) { engine.step(running); show(generation.take_text()); }
//   Finish reason = generation.answer().finish;
//
// Decides when to stop; Engine::step runs it, alone or batched with others.
#pragma once
#include "core/error.h"
#include "infer/sampler.h"
#include "infer/session.h"
#include "infer/stream.h"

#include <chrono>
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
    field("stop", o.stop, "stop strings, which end the answer, separated by commas; the flag may be repeated");
}

void validate(const GenerateOptions& options);  // throws Error, naming the field

// stop: stop token or stop string; length: max_tokens reached; context: context full; failed: see Answer::problem.
enum class Finish : uint8_t { running, stop, length, context, canceled, failed };
std::string_view name_of(Finish finish);

struct Answer {
    std::vector<int32_t> ids;  // without the stop token
    std::string text;
    Finish finish = Finish::running;
    std::string problem;                    // error message if failed; other answers of the batch continue
    int64_t prompt_tokens = 0, reused = 0;  // reused: prompt tokens found in the KV cache
    int64_t seed = 0;
    double prompt_seconds = 0, seconds = 0;  // prefill, until the first token; from the first token to the last
    double tokens_per_second() const;        // decoding speed, without the first token; 0 for fewer than two
};

// The prompt and the requested tokens exceed the context.
struct ContextFull : Error {
    ContextFull(int64_t prompt, int64_t requested, int64_t context);
    int64_t prompt, requested, context;
};

class Generation {
 public:
    // Throws Error for an empty prompt, ids outside the vocabulary or invalid options; ContextFull. Engine and session
    // must outlive it.
    Generation(Engine& engine, Session& session, std::span<const int32_t> prompt, const GenerateOptions& options);

    bool done() const { return answer_.finish != Finish::running; }
    void cancel();  // stops generating; the answer so far remains
    const Answer& answer() const { return answer_; }
    std::string_view take_text();  // text added since the last call

 private:
    friend class Engine;
    using Clock = std::chrono::steady_clock;
    void sample_next(std::span<float> logits);  // of the session's last token
    void add(int32_t id);
    void finish(Finish reason);

    Engine& engine_;
    Session& session_;
    Sampler sampler_;
    TextStream stream_;
    int64_t max_tokens_;
    Answer answer_;
    size_t taken_bytes_ = 0;  // of the text, by take_text
    Clock::time_point start_ = Clock::now(), first_token_;
};

}  // namespace puna
