// infer/engine.h — inference with a loaded model: text generation, log probabilities and embeddings, for many at once.
//
//   Engine engine = load_engine("models/starter");                          // library/load.h
//   auto on_text = [&](std::string_view text) { return show(text); };       // false cancels
//   Answer answer = engine.generate(prompt, {.max_tokens = 100}, on_text);
//   std::vector<float> log_p = engine.score(tokens, 1);                     // of tokens[1], tokens[2], ...
//   std::vector<float> vector = engine.embed(tokens);
//
//   Reply reply = engine.submit({.tokens = prompt, .priority = 1});         // many at once, from any thread
//   while (std::optional<Event> event = reply.next()) show(event->text);
//
// A thread of the engine runs all requests together, in steps; they join and leave between steps. Results are
// bit-identical whatever else runs, however a prompt is split over steps, on any number of threads. A request is all
// its tokens: the pages of the KV cache that another one with the same beginning has filled are found again. A request
// that fails ends alone; what fails in a step ends the requests of that step, and the engine goes on. Only in a group
// of processes a failed step is the last one, as the others may be anywhere in it: all further requests fail like it.
// So do those to a model whose file has changed while it was in use, of which no step's results are given away.
#pragma once
#include "infer/active_request.h"
#include "infer/engine_options.h"
#include "infer/runner.h"
#include "tokenizer/tokenizer.h"

#include <atomic>
#include <exception>
#include <functional>
#include <map>
#include <thread>

namespace puna {

// Called with each new text, and with an empty one a few times a second while there is none; returning false cancels.
using OnText = std::function<bool(std::string_view text)>;

// Between two steps.
struct EngineStatus {
    int64_t waiting = 0, running = 0;        // requests
    int64_t pages = 0, available_pages = 0;  // of the KV cache; available: no running request uses them
    int64_t computed_tokens = 0;             // that went through the model since the engine began
};

class Engine {
 public:
    // Stop tokens: the tokenizer's stop_ids and `stops` (of generation_config.json) or, if that is empty, those of
    // config.json. The tokenizer may have more or fewer tokens than the embedding has rows: using an id without a row
    // is an Error, and an id without text is never sampled. Throws Error if the context exceeds the model's or if
    // tokenizer and model do not match. A model that is split over a group of processes: on its rank 0; the others call
    // follow.
    Engine(Llama llama, Tokenizer tokenizer, EngineOptions options = {}, SampleOptions defaults = {},
           std::vector<int32_t> stops = {});
    Engine(const Engine&) = delete;
    ~Engine();  // cancels what is not finished

    // Runs the steps of rank 0's engine until that ends. `options`: as there. Throws what fails in a step, for which
    // the others may wait forever: see Group::abort_all.
    static void follow(Llama llama, const EngineOptions& options);

    // Throws Error if the request cannot be answered, of the kind busy if too many are not finished. Any thread may
    // submit. notify: called by a thread of the engine when an event or the end can be read, which may have been read
    // by then, and not after the Reply's destruction; it must not block, throw or destroy the Reply.
    Reply submit(Request request, std::function<void()> notify = {});

    // Submit and wait. Throw Error if the request fails.
    Answer generate(std::vector<int32_t> prompt, GenerateOptions options, const OnText& on_text = {});
    Answer generate(Request request, const OnText& on_text = {});
    std::vector<float> score(std::vector<int32_t> tokens, int64_t from);  // Task::score; empty if there are none
    // The same with the logits, for at most max_logit_rows tokens.
    Answer score_with_logits(std::vector<int32_t> tokens, int64_t from);
    std::vector<float> embed(std::vector<int32_t> tokens);  // Task::embed: [dim]

    const Tokenizer& tokenizer() const { return tokenizer_; }
    const Config& config() const { return runner_.llama().config; }
    int64_t context() const { return setting_.context; }
    const SampleOptions& defaults() const { return defaults_; }  // the model's recommended sampling options
    bool is_stop(int32_t id) const;
    EngineStatus status() const;  // any thread may ask

 private:
    using Active = std::shared_ptr<ActiveRequest>;
    // What other threads tell the engine's; shared with the replies, which may outlive the engine.
    struct Inbox {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<Active> submitted;
        int64_t unfinished = 0;
        bool stopping = false, canceled = false;
        EngineStatus status;  // what the engine's thread tells others; `waiting` is not set

        void tell(bool Inbox::*what);
    };
    RequestSetting make_setting(const EngineOptions& options, std::vector<int32_t> stops);

    // On the engine's thread.
    void run();
    bool wait_for_work();
    void admit(const Active& request, bool stopping);
    void end_unknown(ActiveRequest& request, Finish reason);
    void run_step();
    void check_files();
    void deliver(const Step& step);
    void end_failed_step(const Step& step, std::exception_ptr problem);
    void remove_ended();
    void count_ended(int64_t ended);
    ActiveRequest& find(int64_t id) const;

    Tokenizer tokenizer_;
    SampleOptions defaults_;
    StepRunner runner_;
    RequestSetting setting_;
    Scheduler scheduler_;
    std::map<int64_t, Active> active_;  // by id
    int64_t computed_tokens_ = 0;
    std::exception_ptr last_failure_;  // of a group of processes, or a file of the model has changed

    std::atomic<int64_t> next_id_ = 1;
    const int64_t max_requests_;
    std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();

    std::thread thread_;  // last: it uses all others
};

}  // namespace puna
