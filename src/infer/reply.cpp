#include "infer/reply.h"

#include <utility>

namespace puna {

void Exchange::push(Event event) {
    {
        std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
    }
    changed_.notify_all();
    notify();
}

void Exchange::finish(Answer answer) noexcept {
    {
        std::lock_guard lock(mutex_);
        answer_ = std::move(answer);
        finished_ = true;
    }
    changed_.notify_all();
    notify();
}

bool Exchange::canceled() const {
    std::lock_guard lock(mutex_);
    return canceled_;
}

bool Exchange::wait(std::optional<std::chrono::milliseconds> most) {
    std::unique_lock lock(mutex_);
    auto ready = [this] { return finished_ || !events_.empty(); };
    if (most) return changed_.wait_for(lock, *most, ready);
    changed_.wait(lock, ready);
    return true;
}

std::optional<Event> Exchange::pop() {
    std::lock_guard lock(mutex_);
    if (events_.empty()) return {};
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
}

std::optional<Answer> Exchange::take_answer() {
    std::lock_guard lock(mutex_);
    return std::exchange(answer_, std::nullopt);
}

void Exchange::cancel() {
    std::lock_guard lock(mutex_);
    canceled_ = true;
}

void Exchange::notify() {
    std::lock_guard lock(notifying_);
    if (notify_) notify_();
}

void Exchange::stop_notifying() {
    std::lock_guard lock(notifying_);
    notify_ = {};
}

Reply::~Reply() {
    if (!exchange_) return;  // moved from
    cancel();
    exchange_->stop_notifying();
}

void Reply::cancel() {
    exchange_->cancel();
    wake_();
}

bool Reply::wait_for(std::chrono::milliseconds most) { return exchange_->wait(most); }

std::optional<Event> Reply::next() {
    std::lock_guard reading(*reading_);
    if (answer_.finish != Finish::running) return {};
    exchange_->wait({});
    if (std::optional<Event> event = exchange_->pop()) {
        add(*event);
        return event;
    }
    Answer end = std::move(*exchange_->take_answer());
    end.ids = std::move(answer_.ids);
    end.text = std::move(answer_.text);
    end.tokens = std::move(answer_.tokens);
    answer_ = std::move(end);
    return {};
}

void Reply::add(const Event& event) {
    answer_.text += event.text;
    for (const GeneratedToken& token : event.tokens) {
        answer_.ids.push_back(token.id);
        answer_.tokens.push_back(token);
    }
}

Answer Reply::wait() {
    while (next()) continue;
    if (answer_.finish == Finish::failed) throw Error(answer_.problem, answer_.kind);
    return answer_;
}

}  // namespace puna
