// infer/session.h — one token sequence and its slot in the engine's KV cache.
//
//   Session session = engine.open();
//   session.sync(prompt);                  // reuses the longest cached prefix; the rest is pending
//   session.reused();                      // length of the reused prefix
//
// The engine runs pending tokens. The destructor frees the slot; the engine must outlive the session.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace puna {

class Engine;

class Session {
 public:
    Session(Session&& other) noexcept
        : engine_(std::exchange(other.engine_, nullptr)),
          slot_(other.slot_),
          cached_(other.cached_),
          reused_(other.reused_),
          tokens_(std::move(other.tokens_)) {}
    Session(const Session&) = delete;
    ~Session();

    // Replaces the sequence by `tokens`. Reuses at most `max_reused` cached tokens and never the last token, whose
    // logits are needed.
    void sync(std::span<const int32_t> tokens, int64_t max_reused = INT64_MAX);
    void push(int32_t token) { tokens_.push_back(token); }

    std::span<const int32_t> tokens() const { return tokens_; }
    int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
    int64_t pending() const { return size() - cached_; }
    int64_t reused() const { return reused_; }  // tokens that the last sync took from the cache

 private:
    friend class Engine;
    Session(Engine& engine, int slot) : engine_(&engine), slot_(slot) {}

    Engine* engine_;
    int slot_;
    int64_t cached_ = 0, reused_ = 0;
    std::vector<int32_t> tokens_;
};

}  // namespace puna
