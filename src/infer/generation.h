// infer/generation.h — one answer in the making.
//
//   Generation generation(engine, session, prompt, {.max_tokens = 100});      // throws ContextFull
//   while (!generation.done()) { engine.step(running); show(generation.take_text()); }
//   Finish how = generation.answer().finish;
//
// Knows when to stop; the engine runs it, alone or beside others (Engine::step).
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
    field("max_tokens", o.max_tokens, "most tokens to answer with; 0: until the end of the text or of the context");
    field("stop", o.stop, "texts that end the answer, with commas between them");
}

void validate(const GenerateOptions& options);  // throws Error, naming the field

// stop: a stop token or text; length: max_tokens; context: it is full; failed: see Answer::problem.
enum class Finish : uint8_t { running, stop, length, context, cancelled, failed };
std::string_view name_of(Finish finish);

struct Answer {
    std::vector<int32_t> ids;  // without the stop token
    std::string text;
    Finish finish = Finish::running;
    std::string problem;                    // what went wrong with this one, where others beside it go on
    int64_t prompt_tokens = 0, reused = 0;  // of the prompt's, those that the cache held
    int64_t seed = 0;
    double prompt_seconds = 0, seconds = 0;  // until the first token; from there to the last
    double tokens_per_second() const;        // after the first; 0 if there is no more than one
};

// A prompt and what is asked for do not fit the context.
struct ContextFull : Error {
    ContextFull(int64_t prompt, int64_t asked, int64_t context);
    int64_t prompt, asked, context;
};

class Generation {
 public:
    // Throws Error: an empty prompt, ids outside the vocabulary, options that make no sense, ContextFull. Both outlive
    // it.
    Generation(Engine& engine, Session& session, std::span<const int32_t> prompt, const GenerateOptions& options);

    bool done() const { return answer_.finish != Finish::running; }
    void cancel();  // nothing more; what is there stays
    const Answer& answer() const { return answer_; }
    std::string_view take_text();  // what was added since the last call

 private:
    friend class Engine;
    using Clock = std::chrono::steady_clock;
    void take(std::span<float> logits);  // of the timeline's last token
    void add(int32_t id);
    void finish(Finish how);

    Engine& engine_;
    Session& session_;
    Sampler sampler_;
    TextStream stream_;
    int64_t max_tokens_;
    Answer answer_;
    size_t taken_ = 0;  // bytes of the text
    Clock::time_point began_ = Clock::now(), first_;
};

}  // namespace puna
