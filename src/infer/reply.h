// infer/reply.h — the answer to a request while it is made: read from any thread, written by the engine's.
//
//   Reply reply = engine.submit({.tokens = prompt, .options = {.max_tokens = 100}});
//   while (std::optional<Event> event = reply.next()) show(event->text);
//   Finish reason = reply.answer().finish;
//
// Events wait in a queue until they are read, at most one for each generated token and one more. Nothing waits for a
// reader: one that reads slowly, or never, costs this memory and no one's time.
#pragma once
#include "infer/request.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace puna {

// What a step added to a generated answer.
struct Event {
    std::string text;  // complete characters; may be empty
    std::vector<GeneratedToken> tokens = {};
};

// Between the engine's thread and a reader. The lock is held for no longer than an event takes to move.
class Exchange {
 public:
    // notify: called after each event and at the end; it must not block or throw.
    explicit Exchange(std::function<void()> notify) : notify_(std::move(notify)) {}

    // The engine's side. The answer's ids, text and tokens are those of the events.
    void push(Event event);
    void finish(Answer answer) noexcept;
    bool canceled() const;

    // The reader's side.
    bool wait(std::optional<std::chrono::milliseconds> most);  // until there is an event or the end
    std::optional<Event> pop();
    std::optional<Answer> take_answer();  // after the last event, once
    void cancel();
    void stop_notifying();  // waits for a call that is under way

 private:
    void notify();

    std::mutex notifying_;  // held during a call
    std::function<void()> notify_;
    mutable std::mutex mutex_;  // of what follows
    std::condition_variable changed_;
    std::deque<Event> events_;
    std::optional<Answer> answer_;
    bool finished_ = false, canceled_ = false;
};

class Reply {
 public:
    // wake: makes the engine notice a canceled request.
    Reply(std::shared_ptr<Exchange> exchange, std::function<void()> wake)
        : exchange_(std::move(exchange)), wake_(std::move(wake)) {}
    Reply(Reply&&) = default;
    Reply& operator=(Reply&&) = delete;
    ~Reply();  // cancels the request; it is not notified of any more

    // Waits; none after the last one. Several threads may call it: each event goes to one of them.
    std::optional<Event> next();
    // Waits for at most this time until next() would not wait; returns whether it would not.
    bool wait_for(std::chrono::milliseconds most);
    void cancel();  // from any thread; the answer so far remains

    // With the events that were read; complete after the last one. Not while another thread is in next() or wait().
    const Answer& answer() const { return answer_; }
    // Reads all events. Throws Error if the request failed.
    Answer wait();

 private:
    void add(const Event& event);

    std::shared_ptr<Exchange> exchange_;
    std::function<void()> wake_;
    std::unique_ptr<std::mutex> reading_ = std::make_unique<std::mutex>();  // held by next()
    Answer answer_;
};

}  // namespace puna
