// core/progress.h — progress bar on standard error for tasks longer than two seconds.
//
//   Progress progress("encoding", total_bytes, "B");
//   progress.advance(n);                            // from any thread
//
// Drawn at most ten times per second, from two seconds on, and only on terminals that support escape sequences. The
// destructor clears the line.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace puna {

class Progress {
 public:
    Progress(std::string task, int64_t total, std::string unit);
    ~Progress();
    Progress(const Progress&) = delete;

    void advance(int64_t n);

 private:
    void draw(std::chrono::steady_clock::time_point now);

    std::string task_, unit_;
    int64_t total_;
    std::atomic<int64_t> done_{0};
    std::chrono::steady_clock::time_point start_, next_draw_;
    std::mutex mutex_;
    bool terminal_, drawn_ = false;
};

double seconds_now();  // of a steady clock, for differences

// SI prefixes: 1234567, "B" -> "1.2 MB".
std::string format_quantity(double value, const std::string& unit);
std::string format_count(int64_t n, const std::string& noun);  // "1 token", "12,345 tokens"
std::string format_duration(double seconds);                   // "12 s", "3 min 20 s", "2 h 5 min"

}  // namespace puna
