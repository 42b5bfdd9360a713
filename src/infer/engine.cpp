#include "infer/engine.h"

#include "core/system_memory.h"
#include "core/threads.h"
#include "infer/memory_plan.h"

#include <algorithm>
#include <type_traits>

namespace puna {

namespace {

constexpr std::chrono::milliseconds between_calls(50);  // of OnText without a text

StepRunner make_runner(Llama llama, const EngineOptions& options) {
    const Config config = llama.config;
    int64_t pages = cache_pages(config, options);
    llama.set_context(choose_context(config, options.context));
    llama.packing_room = plan_memory(llama.kernels, config, {}, options, available_memory()).packed;
    try {
        return StepRunner(std::move(llama), pages, options.cache_type);
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::out_of_memory && problem.kind != ErrorKind::too_large) throw;
        fail(problem.kind, "{}: use a smaller context than {}", problem.what(),
             choose_context(config, options.context));
    }
}

int count_adapters(Llama& llama) {
    size_t n = 0;
    visit(llama.config, llama, [&n](auto& weight, const WeightInfo&) {
        if constexpr (std::is_same_v<decltype(weight), Linear&>) n = std::max(n, weight.adapters.size());
    });
    return static_cast<int>(n);
}

// The size of a step's words, then the words; no words: the end.
void broadcast(const Group& group, const Step* step) {
    if (group.size() == 1) return;
    std::vector<int32_t> words = step ? encode(*step) : std::vector<int32_t>();
    int64_t count = std::ssize(words);
    group.broadcast(std::as_writable_bytes(std::span(&count, 1)), 0);
    if (count > 0) group.broadcast(std::as_writable_bytes(std::span(words)), 0);
}

std::optional<Step> receive_step(const Group& group) {
    int64_t count = 0;
    group.broadcast(std::as_writable_bytes(std::span(&count, 1)), 0);
    if (count == 0) return {};
    std::vector<int32_t> words(static_cast<size_t>(count));
    group.broadcast(std::as_writable_bytes(std::span(words)), 0);
    return decode_step(words);
}

}  // namespace

Engine::Engine(Llama llama, Tokenizer tokenizer, EngineOptions options, SampleOptions defaults,
               std::vector<int32_t> stops)
    : tokenizer_(std::move(tokenizer)),
      defaults_(defaults),
      runner_(make_runner(std::move(llama), options)),
      setting_(make_setting(options, std::move(stops))),
      scheduler_({options.step_tokens, options.sequences, cache_pages(config(), options),
                  rotary_choice(config(), choose_context(config(), options.context))}),
      max_requests_(options.waiting) {
    count_ended(0);
    if (options.poison_new_pages) runner_.poison_new_pages();
    thread_ = std::thread([this] { run(); });
}

Engine::~Engine() {
    inbox_->tell(&Inbox::stopping);
    thread_.join();
}

void Engine::Inbox::tell(bool Inbox::*what) {
    {
        std::lock_guard lock(mutex);
        this->*what = true;
    }
    changed.notify_all();
}

RequestSetting Engine::make_setting(const EngineOptions& options, std::vector<int32_t> stops) {
    const Config& c = config();
    RequestSetting setting{tokenizer_,
                           c.vocabulary,
                           choose_context(c, options.context),
                           c.dim,
                           count_adapters(runner_.llama()),
                           std::move(stops),
                           {}};
    check(options.adapter < setting.adapters, "an engine's adapter {} of {}", options.adapter, setting.adapters);
    setting.adapter = options.adapter;
    setting.sampled = TokenMask(static_cast<size_t>(std::min<int64_t>(tokenizer_.size(), c.vocabulary)));
    for (int32_t id = 0; id < static_cast<int32_t>(setting.sampled.size()); ++id)
        if (tokenizer_.kind(id) == TokenKind::none) setting.sampled.forbid(static_cast<size_t>(id));
    if (setting.sampled.is_empty())
        fail("no token of the tokenizer is within the model's vocabulary of {}: the tokenizer belongs to another model",
             c.vocabulary);
    if (setting.stops.empty()) setting.stops = c.eos;
    for (int32_t id : tokenizer_.stop_ids()) setting.stops.push_back(id);
    return setting;
}

bool Engine::is_stop(int32_t id) const { return setting_.is_stop(id); }

void Engine::follow(Llama llama, const EngineOptions& options) {
    StepRunner runner = make_runner(std::move(llama), options);
    while (std::optional<Step> step = receive_step(runner.llama().group)) {
        runner.run(*step);
        runner.check_files();
    }
}

Reply Engine::submit(Request request, std::function<void()> notify) {
    auto exchange = std::make_shared<Exchange>(std::move(notify));
    auto active = std::make_shared<ActiveRequest>(next_id_++, std::move(request), setting_, exchange);
    {
        std::lock_guard lock(inbox_->mutex);
        if (inbox_->unfinished >= max_requests_)
            fail(ErrorKind::busy, "{} requests are waiting already: try again later", inbox_->unfinished);
        inbox_->submitted.push_back(std::move(active));
        ++inbox_->unfinished;
    }
    inbox_->changed.notify_all();
    return Reply(std::move(exchange), [inbox = inbox_] { inbox->tell(&Inbox::canceled); });
}

Answer Engine::generate(std::vector<int32_t> prompt, GenerateOptions options, const OnText& on_text) {
    return generate({.tokens = std::move(prompt), .options = std::move(options)}, on_text);
}

Answer Engine::generate(Request request, const OnText& on_text) {
    Reply reply = submit(std::move(request));
    while (on_text) {
        std::string text;
        if (reply.wait_for(between_calls)) {
            std::optional<Event> event = reply.next();
            if (!event) break;
            text = std::move(event->text);
        }
        if (on_text(text)) continue;
        reply.cancel();
        break;
    }
    return reply.wait();
}

std::vector<float> Engine::score(std::vector<int32_t> tokens, int64_t from) {
    if (std::ssize(tokens) <= from) return {};
    return submit({.task = Task::score, .tokens = std::move(tokens), .from = from}).wait().log_p;
}

Answer Engine::score_with_logits(std::vector<int32_t> tokens, int64_t from) {
    return submit({.task = Task::score, .tokens = std::move(tokens), .from = from, .logits = true}).wait();
}

std::vector<float> Engine::embed(std::vector<int32_t> tokens) {
    return submit({.task = Task::embed, .tokens = std::move(tokens)}).wait().embedding;
}

void Engine::run() {
    while (wait_for_work()) {
        run_step();
        remove_ended();
    }
    for (const auto& [id, request] : active_) request->finish(Finish::canceled);
    remove_ended();
    if (!last_failure_) broadcast(runner_.llama().group, nullptr);
}

// Takes what was submitted; returns false when the engine ends.
bool Engine::wait_for_work() {
    std::vector<Active> added;
    bool stopping = false, canceled = false;
    {
        Inbox& in = *inbox_;
        std::unique_lock lock(in.mutex);
        in.changed.wait(lock, [&] { return in.stopping || in.canceled || !in.submitted.empty() || !active_.empty(); });
        added.swap(in.submitted);
        canceled = std::exchange(in.canceled, false);
        stopping = in.stopping;
    }
    for (const Active& request : added) admit(request, stopping);
    if (stopping) return false;
    if (canceled)
        for (const auto& [id, request] : active_)
            if (request->canceled()) request->finish(Finish::canceled);
    remove_ended();
    return true;
}

void Engine::admit(const Active& request, bool stopping) {
    try {
        if (stopping) return end_unknown(*request, Finish::canceled);
        active_.emplace(request->id(), request);
        scheduler_.add(request->job());
    } catch (...) {
        request->fail(std::current_exception());
        if (!active_.contains(request->id())) end_unknown(*request, Finish::failed);
    }
}

// Of a request that is not active.
void Engine::end_unknown(ActiveRequest& request, Finish reason) {
    request.finish(reason);
    count_ended(1);
    request.publish();
}

// A failed step counts for nothing: what it wrote into pages is written again by whoever gets them.
void Engine::run_step() {
    Step step;
    try {
        if (last_failure_) std::rethrow_exception(last_failure_);
        step = scheduler_.next();
        if (step.sequences.empty()) return;
        broadcast(runner_.llama().group, &step);
        runner_.run(step);
        check_files();
        scheduler_.complete(step);
        for (const StepSequence& sequence : step.sequences) computed_tokens_ += std::ssize(sequence.tokens);
        deliver(step);
    } catch (...) {
        end_failed_step(step, std::current_exception());
    }
}

// A model whose file has changed is closed.
void Engine::check_files() {
    try {
        runner_.check_files();
    } catch (const Error&) {
        last_failure_ = std::current_exception();
        throw;
    }
}

// Sampling takes long with large vocabularies: each sequence's is independent.
void Engine::deliver(const Step& step) {
    std::vector<std::optional<int32_t>> tokens(step.sequences.size());
    parallel_for(std::ssize(tokens), [&](int64_t task) {
        size_t i = static_cast<size_t>(task);
        const StepSequence& sequence = step.sequences[i];
        if (sequence.rows == 0) return;
        ActiveRequest& request = find(sequence.request);
        request.set_reused(scheduler_.reused(sequence.request));
        tokens[i] = request.take(runner_.values(i), runner_.logits(i));
    });
    for (size_t i = 0; i < tokens.size(); ++i) try {
            if (tokens[i]) scheduler_.append(step.sequences[i].request, *tokens[i]);
        } catch (...) {
            find(step.sequences[i].request).fail(std::current_exception());
        }
}

// Without a step the scheduler has failed, for lack of memory: the latest request ends, and others are tried again.
// After a failure of a group nothing can run any more, nor with a model that is closed.
void Engine::end_failed_step(const Step& step, std::exception_ptr problem) {
    for (const StepSequence& sequence : step.sequences) find(sequence.request).fail(problem);
    if (last_failure_)
        for (const auto& [id, request] : active_) request->fail(problem);
    else if (step.sequences.empty())
        active_.rbegin()->second->fail(problem);
    else if (runner_.llama().group.size() > 1)
        last_failure_ = problem;
}

// An end can be read when the request is not counted any more: who waits for one may submit another.
void Engine::remove_ended() {
    int64_t ended = 0;
    for (const auto& [id, request] : active_) {
        if (!request->done()) continue;
        scheduler_.remove(id);
        ++ended;
    }
    count_ended(ended);
    for (auto at = active_.begin(); at != active_.end();) {
        bool done = at->second->done();
        if (done) at->second->publish();
        at = done ? active_.erase(at) : std::next(at);
    }
}

void Engine::count_ended(int64_t ended) {
    const PagePool& pool = scheduler_.pool();
    std::lock_guard lock(inbox_->mutex);
    inbox_->unfinished -= ended;
    inbox_->status = {.running = scheduler_.running(),
                      .pages = pool.size(),
                      .available_pages = pool.available(),
                      .computed_tokens = computed_tokens_};
}

EngineStatus Engine::status() const {
    std::lock_guard lock(inbox_->mutex);
    EngineStatus status = inbox_->status;
    status.waiting = inbox_->unfinished - status.running;
    return status;
}

ActiveRequest& Engine::find(int64_t id) const {
    auto found = active_.find(id);
    check(found != active_.end(), "request {} is not active", id);
    return *found->second;
}

}  // namespace puna
