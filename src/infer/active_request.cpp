#include "infer/active_request.h"

#include "core/fields.h"
#include "core/progress.h"
#include "core/utf8.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace puna {

namespace {

constexpr size_t message_bytes = 500, max_stop_bytes = 1000;
constexpr int64_t max_stops = 64;

void check_ids(std::span<const int32_t> ids, const RequestSetting& setting) {
    for (int32_t id : ids) {
        if (id >= 0 && id < setting.vocabulary) continue;
        std::string_view text = setting.tokenizer.vocabulary().bytes(id);
        fail(ErrorKind::usage, "token {}{} is not in the model's vocabulary of {}: its embedding has no row for it", id,
             text.empty() ? "" : fmt::format(" ('{}')", printable(text)), setting.vocabulary);
    }
}

void check_logprobs(int logprobs) {
    if (logprobs < -1) fail_field("logprobs", "must be at least -1, not {}", logprobs);
    if (logprobs > max_alternatives) fail_field("logprobs", "must be at most {}, not {}", max_alternatives, logprobs);
}

void check_stops(const Request& request) {
    const std::vector<std::string>& stop = request.options.stop;
    auto is_long = [](const std::string& text) { return text.size() > max_stop_bytes; };
    if (std::ssize(stop) > max_stops) fail_field("stop", "must be at most {} texts", max_stops);
    if (std::ssize(request.stop_ids) > max_stops) fail_field("stop_ids", "must be at most {} tokens", max_stops);
    if (std::any_of(stop.begin(), stop.end(), is_long))
        fail_field("stop", "must be texts of at most {} bytes", max_stop_bytes);
}

void check_adapter(int adapter, int adapters) {
    if (adapter >= -1 && adapter < adapters) return;
    fail(ErrorKind::not_found, "there is no adapter {}, as the model has {}: {}leave adapter out", adapter, adapters,
         adapters == 0 ? std::string() : fmt::format("use 0 to {}, or ", adapters - 1));
}

void check_request(const Request& request, const RequestSetting& setting) {
    int64_t n = std::ssize(request.tokens);
    bool generates = request.task == Task::generate;
    if (n == 0 && generates) fail(ErrorKind::usage, "the prompt is empty: this model needs a text to continue");
    if (n == 0) fail(ErrorKind::usage, "the text is empty");
    GenerateOptions options = request.options;
    check_values(list_fields(options));
    check_logprobs(request.logprobs);
    check_stops(request);
    int64_t requested = generates ? std::max<int64_t>(1, request.options.max_tokens) : 0;
    if (n > setting.context || requested > setting.context - n) fail_context_full(n, requested, setting.context);
    check_ids(request.tokens, setting);
    check_adapter(request.adapter, setting.adapters);
    if (request.task != Task::score) return;
    if (request.from < 1 || request.from >= n)
        fail(ErrorKind::usage, "cannot score from token {} on: the text has {}, and the first has no token before it",
             request.from, n);
    if (request.logits && n - request.from > max_logit_rows)
        fail(ErrorKind::too_large, "the logits of {} tokens are too many: ask for at most {} at a time",
             n - request.from, max_logit_rows);
}

TokenMask allowed_tokens(const Request& request, const RequestSetting& setting) {
    TokenMask allowed = setting.sampled;
    if (request.allowed.size() > 0) allowed.intersect(request.allowed);
    if (allowed.is_empty()) fail(ErrorKind::usage, "none of the allowed tokens is one that this model can generate");
    return allowed;
}

std::vector<int32_t> ends(const Request& request, const RequestSetting& setting) {
    std::vector<int32_t> ids = setting.stops;
    ids.insert(ids.end(), request.stop_ids.begin(), request.stop_ids.end());
    return ids;
}

bool all_finite(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

[[noreturn]] void fail_nonfinite_embedding() {
    fail(ErrorKind::damaged,
         "the embedding is not finite: the model's weights are damaged or overflow in this dtype (try the type f32)");
}

// Nothing, if a prompt is only the token that begins a text.
Preceding what_precedes(std::span<const int32_t> prompt, const Tokenizer& tokenizer) {
    bool has_text = std::any_of(prompt.begin(), prompt.end(), [&](int32_t id) { return !tokenizer.is_control(id); });
    return has_text ? Preceding::text : Preceding::nothing;
}

const Request& checked(const Request& request, const RequestSetting& setting) {
    check_request(request, setting);
    return request;
}

}  // namespace

ActiveRequest::ActiveRequest(int64_t id, Request request, const RequestSetting& setting,
                             std::shared_ptr<Exchange> exchange)
    : id_(id),
      request_(std::move(request)),
      setting_(setting),
      exchange_(std::move(exchange)),
      allowed_(allowed_tokens(checked(request_, setting), setting)),
      sampler_(request_.options.sample, std::ssize(request_.tokens), ends(request_, setting)),
      stream_(setting.tokenizer, request_.options.stop, what_precedes(request_.tokens, setting.tokenizer)),
      start_(seconds_now()) {
    answer_.prompt_tokens = std::ssize(request_.tokens);
    answer_.seed = sampler_.seed();
    answer_.problem.reserve(message_bytes);
    rows_left_ = answer_.prompt_tokens - (request_.task == Task::score ? request_.from : 0);
}

Job ActiveRequest::job() const {
    Job job{.id = id_,
            .tokens = request_.tokens,
            .adapter = request_.adapter < 0 ? setting_.adapter : request_.adapter,
            .priority = request_.priority,
            .tenant = request_.tenant};
    switch (request_.task) {
        case Task::generate:
            job.wanted = Wanted::logits;
            job.from = answer_.prompt_tokens - 1;
            break;
        case Task::score:
            job.wanted = request_.logits ? Wanted::scores_and_logits : Wanted::scores;
            job.from = request_.from - 1;
            break;
        case Task::embed:
            job.wanted = Wanted::hidden;
            break;
    }
    return job;
}

std::optional<int32_t> ActiveRequest::take(std::span<float> values, std::span<float> logits) noexcept {
    try {
        if (request_.task == Task::generate) return add_token(values);
        if (request_.task == Task::score) {
            add_scores(values, logits);
        } else {
            add_hidden(values);
        }
        if (rows_left_ == 0) {
            if (request_.task == Task::embed) finish_embedding();
            finish(Finish::length);
        }
    } catch (...) {
        fail(std::current_exception());
    }
    return {};
}

bool ActiveRequest::is_stop(int32_t id) const {
    const std::vector<int32_t>& more = request_.stop_ids;
    return setting_.is_stop(id) || std::find(more.begin(), more.end(), id) != more.end();
}

GeneratedToken ActiveRequest::describe(int32_t id, std::span<const float> logits) const {
    double total = log_sum_exp(logits, *std::max_element(logits.begin(), logits.end()));
    auto logprob = [&](int32_t token) {
        return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(token)]) - total);
    };
    GeneratedToken token{.id = id, .logprob = logprob(id)};
    if (request_.logprobs == 0) return token;
    std::vector<int32_t> best(logits.size());
    std::iota(best.begin(), best.end(), 0);
    auto end = best.begin() + std::min<ptrdiff_t>(request_.logprobs, std::ssize(best));
    std::partial_sort(best.begin(), end, best.end(), [&](int32_t a, int32_t b) {
        float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
        return x > y || (x == y && a < b);
    });
    for (auto i = best.begin(); i != end; ++i) token.alternatives.push_back({*i, logprob(*i)});
    return token;
}

// Of the sequence's last row. The engine's thread owns the logits, which sampling changes.
std::optional<int32_t> ActiveRequest::add_token(std::span<float> logits) {
    if (generated_ == 0) {
        first_token_ = seconds_now();
        answer_.prompt_seconds = first_token_ - start_;
    }
    std::vector<float> unchanged;
    if (request_.logprobs >= 0) unchanged.assign(logits.begin(), logits.end());
    int32_t id = sampler_.choose(logits.first(allowed_.size()), request_.tokens, allowed_);
    if (is_stop(id)) {
        finish(Finish::stop);
        return {};
    }
    request_.tokens.push_back(id);
    ++generated_;
    GeneratedToken token{.id = id};
    if (request_.logprobs >= 0) token = describe(id, unchanged);
    std::string text = stream_.next(id);
    Finish reason = Finish::running;
    if (stream_.stopped()) {
        reason = Finish::stop;
    } else if (generated_ == request_.options.max_tokens) {
        reason = Finish::length;
    } else if (std::ssize(request_.tokens) == setting_.context) {
        reason = Finish::context;
    }
    exchange_->push({.text = std::move(text), .tokens = {std::move(token)}});
    if (reason == Finish::running) return id;
    finish(reason);
    return {};
}

void ActiveRequest::add_scores(std::span<const float> log_p, std::span<const float> logits) {
    if (!all_finite(log_p) || !all_finite(logits)) fail_nonfinite_logits();
    answer_.log_p.insert(answer_.log_p.end(), log_p.begin(), log_p.end());
    answer_.logits.insert(answer_.logits.end(), logits.begin(), logits.end());
    rows_left_ -= std::ssize(log_p);
}

void ActiveRequest::add_hidden(std::span<const float> states) {
    size_t dim = static_cast<size_t>(setting_.dim);
    hidden_sum_.resize(dim);
    for (size_t i = 0; i < states.size(); ++i) hidden_sum_[i % dim] += static_cast<double>(states[i]);
    rows_left_ -= std::ssize(states) / setting_.dim;
}

void ActiveRequest::finish_embedding() {
    double square = std::inner_product(hidden_sum_.begin(), hidden_sum_.end(), hidden_sum_.begin(), 0.0);
    if (!(square > 0) || !std::isfinite(square)) fail_nonfinite_embedding();
    for (double value : hidden_sum_) answer_.embedding.push_back(static_cast<float>(value / std::sqrt(square)));
}

void ActiveRequest::finish(Finish reason) noexcept {
    if (done_) return;
    try {
        std::string rest = stream_.flush();
        if (!rest.empty()) exchange_->push({.text = std::move(rest)});
    } catch (...) {
        return fail(std::current_exception());
    }
    end(reason);
}

void ActiveRequest::fail(std::exception_ptr problem) noexcept {
    if (done_) return;
    // The room for the message was allocated with the request.
    auto set = [&](ErrorKind kind, std::string_view message) {
        answer_.kind = kind;
        std::string_view room = message.substr(0, answer_.problem.capacity());
        if (room.size() < message.size()) room.remove_suffix(incomplete_tail(room));
        answer_.problem.assign(room);
    };
    try {
        std::rethrow_exception(problem);
    } catch (const Error& error) {
        set(error.kind, error.what());
    } catch (const std::bad_alloc&) {
        set(ErrorKind::out_of_memory, "out of memory");
    } catch (const std::exception& error) {
        set(ErrorKind::failed, error.what());
    } catch (...) {
        set(ErrorKind::failed, "an unknown failure");
    }
    end(Finish::failed);
}

void ActiveRequest::end(Finish reason) noexcept {
    done_ = true;
    answer_.finish = reason;
    if (generated_ > 0) answer_.seconds = seconds_now() - first_token_;
}

void ActiveRequest::publish() noexcept { exchange_->finish(std::move(answer_)); }

}  // namespace puna
