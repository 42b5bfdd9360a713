// infer/active_request.h — a request on the engine's thread: turns the results of steps into events and an answer.
//
//   ActiveRequest active(7, request, setting, exchange);      // on the thread that submits: throws Error
//   scheduler.add(active.job());
//   if (std::optional<int32_t> token = active.take(values, logits)) scheduler.append(7, *token);
//   if (active.done()) scheduler.remove(7);
#pragma once
#include "infer/reply.h"
#include "infer/sampler.h"
#include "infer/scheduler.h"
#include "infer/stream.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <span>
#include <vector>

namespace puna {

// What all requests of an engine share.
struct RequestSetting {
    const Tokenizer& tokenizer;
    int64_t vocabulary, context, dim;  // ids that have an embedding; tokens of a sequence; of the hidden states
    int adapters;                      // of the model
    std::vector<int32_t> stops;
    TokenMask sampled;  // ids with a text and an embedding
    int adapter = -1;   // of requests that name none

    bool is_stop(int32_t id) const { return std::find(stops.begin(), stops.end(), id) != stops.end(); }
};

class ActiveRequest {
 public:
    // Throws Error if the request cannot be answered: too large, ids without an embedding, no tokens.
    ActiveRequest(int64_t id, Request request, const RequestSetting& setting, std::shared_ptr<Exchange> exchange);

    int64_t id() const { return id_; }
    Job job() const;

    // The results of a step, at least one row: values as StepRunner's. Returns the token to compute next, if there is.
    // What throws ends the request.
    std::optional<int32_t> take(std::span<float> values, std::span<float> logits) noexcept;
    void set_reused(int64_t tokens) { answer_.reused = tokens; }

    bool canceled() const { return exchange_->canceled(); }
    bool done() const { return done_; }
    void finish(Finish reason) noexcept;
    void fail(std::exception_ptr problem) noexcept;  // ends the request with its message
    void publish() noexcept;                         // the end of a request that is done, to its reader

 private:
    std::optional<int32_t> add_token(std::span<float> logits);
    GeneratedToken describe(int32_t id, std::span<const float> logits) const;
    void add_scores(std::span<const float> log_p, std::span<const float> logits);
    void add_hidden(std::span<const float> states);
    void finish_embedding();
    bool is_stop(int32_t id) const;
    void end(Finish reason) noexcept;

    const int64_t id_;
    Request request_;  // tokens: the generated ones, too
    const RequestSetting& setting_;
    std::shared_ptr<Exchange> exchange_;
    TokenMask allowed_;
    Sampler sampler_;
    TextStream stream_;
    Answer answer_;
    int64_t generated_ = 0;
    std::vector<double> hidden_sum_;
    int64_t rows_left_;  // of a score or an embedding
    bool done_ = false;
    double start_, first_token_ = 0;  // seconds
};

}  // namespace puna
