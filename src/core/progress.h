// core/progress.h — a progress bar on standard error for anything that takes more than two seconds.
//
//   Progress progress("encoding", total_bytes, "B");
//   progress.advance(n);                            // from any thread
//
// Drawn at most ten times a second, after the first two seconds, and only on a terminal that understands it; it wipes
// itself when it goes, so that what is printed next starts on a clean line.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace puna {

class Progress {
 public:
    Progress(std::string what, int64_t total, std::string unit);
    ~Progress();
    Progress(const Progress&) = delete;

    void advance(int64_t n);

 private:
    void draw(std::chrono::steady_clock::time_point now);

    std::string what_, unit_;
    int64_t total_;
    std::atomic<int64_t> done_{0};
    std::chrono::steady_clock::time_point start_, next_draw_;
    std::mutex mutex_;
    bool terminal_, drawn_ = false;
};

// 1234567 B -> "1.2 MB"; counts take k, M, G.
std::string format_quantity(double number, const std::string& unit);
std::string format_duration(double seconds);  // "12 s", "3 min 20 s", "2 h 5 min"

}  // namespace puna
