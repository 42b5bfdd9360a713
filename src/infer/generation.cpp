#include "infer/generation.h"

#include "core/fields.h"
#include "infer/engine.h"

#include <algorithm>

namespace puna {

std::string_view name_of(Finish finish) {
    constexpr std::string_view names[] = {"running", "stop", "length", "context", "canceled", "failed"};
    return names[static_cast<size_t>(finish)];
}

void validate(const GenerateOptions& options) {
    check_values(options);
    if (std::find(options.stop.begin(), options.stop.end(), "") != options.stop.end())
        fail("stop must not contain an empty text: separate the texts by one comma");
}

double Answer::tokens_per_second() const {
    return ids.size() > 1 && seconds > 0 ? static_cast<double>(ids.size() - 1) / seconds : 0;
}

ContextFull::ContextFull(int64_t p, int64_t r, int64_t c)
    : Error(fmt::format("{} prompt tokens and {} to generate exceed the context of {}", p, r, c)),
      prompt(p),
      requested(r),
      context(c) {}

Generation::Generation(Engine& engine, Session& session, std::span<const int32_t> prompt,
                       const GenerateOptions& options)
    : engine_(engine),
      session_(session),
      sampler_(options.sample),
      stream_(engine.tokenizer(), options.stop),
      max_tokens_(options.max_tokens) {
    int64_t n = static_cast<int64_t>(prompt.size()), requested = std::max<int64_t>(1, max_tokens_);
    validate(options);
    if (n == 0) fail("the prompt is empty: this model needs a text to continue");
    if (n > engine.context() || requested > engine.context() - n) throw ContextFull(n, requested, engine.context());
    engine.check_ids(prompt);
    session.sync(prompt);
    answer_.prompt_tokens = n;
    answer_.reused = session.reused();
    answer_.seed = sampler_.seed();
}

void Generation::sample_next(std::span<float> logits) {
    if (answer_.ids.empty()) {
        first_token_ = Clock::now();
        answer_.prompt_seconds = std::chrono::duration<double>(first_token_ - start_).count();
    }
    try {
        int32_t id = sampler_.choose(logits, session_.tokens(), engine_.without_text());
        engine_.is_stop(id) ? finish(Finish::stop) : add(id);
    } catch (const Error& problem) {
        answer_.problem = problem.what();
        finish(Finish::failed);
    }
}

void Generation::add(int32_t id) {
    session_.push(id);
    answer_.ids.push_back(id);
    answer_.text += stream_.next(id);
    if (stream_.stopped()) return finish(Finish::stop);
    if (static_cast<int64_t>(answer_.ids.size()) == max_tokens_) return finish(Finish::length);
    if (session_.size() == engine_.context()) finish(Finish::context);
}

void Generation::finish(Finish reason) {
    answer_.finish = reason;
    answer_.text += stream_.flush();
    if (!answer_.ids.empty()) answer_.seconds = std::chrono::duration<double>(Clock::now() - first_token_).count();
}

void Generation::cancel() {
    if (!done()) finish(Finish::canceled);
}

std::string_view Generation::take_text() {
    std::string_view added = std::string_view(answer_.text).substr(taken_bytes_);
    taken_bytes_ = answer_.text.size();
    return added;
}

}  // namespace puna
