// infer/session.h — one timeline of tokens and its place in the engine's cache.
//
//   Session session = engine.open();
//   session.sync(prompt);                  // what the cache holds of its beginning is kept, the rest is to be run
//   session.reused();                      // how many tokens that was
//
// The engine runs what is pending. A session gives its slot back when it goes; the engine must outlive it.
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

    // The timeline becomes `tokens`, of which at least the last has to be run again, and with `most` all after so many.
    void sync(std::span<const int32_t> tokens, int64_t most = INT64_MAX);
    void push(int32_t token) { tokens_.push_back(token); }

    std::span<const int32_t> tokens() const { return tokens_; }
    int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
    int64_t pending() const { return size() - cached_; }
    int64_t reused() const { return reused_; }  // tokens of the last sync that need not be run

 private:
    friend class Engine;
    Session(Engine& engine, int slot) : engine_(&engine), slot_(slot) {}

    Engine* engine_;
    int slot_;
    int64_t cached_ = 0, reused_ = 0;
    std::vector<int32_t> tokens_;
};

}  // namespace puna
