#include "core/threads.h"

#include "core/error.h"
#include "core/processors.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace puna {

namespace {

thread_local bool inside_piece = false;

// Workers spin for a while before they sleep: a decode step hands out some sixty small jobs, each a few microseconds.
// Where threads are throttled, a spinning one only keeps another from its work: they sleep at once.
int spins_before_sleep(int n) { return is_throttled(usable_processors(), n) ? 0 : 20000; }

int threads_by_default() { return default_threads(usable_processors()); }

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

constexpr int pieces_bits = 40;
constexpr uint64_t pieces_mask = (uint64_t{1} << pieces_bits) - 1;

class Pool {
 public:
    explicit Pool(int n) : spins_(spins_before_sleep(n)) {
        for (int i = 1; i < n; ++i) workers_.emplace_back([this](std::stop_token stop) { work(stop); });
    }

    ~Pool() {
        for (std::jthread& worker : workers_) worker.request_stop();
        { std::lock_guard lock(mutex_); }
        wake_.notify_all();
    }

    int size() const { return static_cast<int>(workers_.size()) + 1; }

    // The caller takes pieces too and waits for those that others have taken, not for workers that never came: on a
    // busy machine a decode step would wait for the scheduler sixty times.
    void run(int64_t n, int64_t piece, PieceFunction f) {
        std::lock_guard one_job_at_a_time(callers_);
        uint64_t pieces = static_cast<uint64_t>((n + piece - 1) / piece);
        check(pieces <= pieces_mask, "{} pieces", pieces);
        job_ = Job{&f, n, piece, pieces};
        undone_.store(pieces, std::memory_order_relaxed);
        {
            std::lock_guard lock(mutex_);
            ticket_.store((number_of(ticket_.load(std::memory_order_relaxed)) + 1) << pieces_bits | pieces);
        }
        if (sleepers_.load() > 0) wake_.notify_all();
        take_pieces();
        wait_for_the_rest();
        if (std::exception_ptr problem = std::exchange(problem_, nullptr)) std::rethrow_exception(problem);
    }

 private:
    struct Job {
        const PieceFunction* f;
        int64_t n, piece;
        uint64_t pieces;
    };

    static uint64_t number_of(uint64_t ticket) { return ticket >> pieces_bits; }

    // Takes one piece, or all that are left: how many there were.
    uint64_t take(bool all) {
        uint64_t ticket = ticket_.load(std::memory_order_acquire);
        while (uint64_t left = ticket & pieces_mask)
            if (ticket_.compare_exchange_weak(ticket, ticket - (all ? left : 1), std::memory_order_acq_rel,
                                              std::memory_order_acquire))
                return left;
        return 0;
    }

    // Once a piece is taken the job stays until it is done; before, nothing of the job is looked at.
    void take_pieces() {
        inside_piece = true;
        while (uint64_t left = take(false)) {
            int64_t first = static_cast<int64_t>(job_.pieces - left) * job_.piece;
            try {
                (*job_.f)(first, std::min(job_.n, first + job_.piece));
            } catch (...) {
                undone_.fetch_sub(take(true), std::memory_order_relaxed);
                std::lock_guard lock(mutex_);
                if (!problem_) problem_ = std::current_exception();
            }
            if (undone_.fetch_sub(1, std::memory_order_acq_rel) == 1) undone_.notify_all();
        }
        inside_piece = false;
    }

    void wait_for_the_rest() {
        for (int spins = 0; spins < spins_ && undone_.load(std::memory_order_acquire) > 0; ++spins) relax();
        while (uint64_t left = undone_.load(std::memory_order_acquire)) undone_.wait(left, std::memory_order_acquire);
    }

    void work(std::stop_token stop) {
        uint64_t seen = 0;
        while (wait_for_job(stop, seen)) {
            seen = number_of(ticket_.load(std::memory_order_acquire));
            take_pieces();
        }
    }

    bool wait_for_job(std::stop_token stop, uint64_t seen) {
        for (int spins = 0; spins < spins_; ++spins) {
            if (number_of(ticket_.load(std::memory_order_acquire)) != seen) return true;
            if (stop.stop_requested()) return false;
            relax();
        }
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return number_of(ticket_.load()) != seen || stop.stop_requested(); });
        sleepers_.fetch_sub(1);
        return number_of(ticket_.load()) != seen;
    }

    const int spins_;
    std::mutex callers_, mutex_;
    std::condition_variable wake_;
    std::atomic<uint64_t> ticket_{0};  // the job's number, and how many of its pieces are left to take
    std::atomic<uint64_t> undone_{0};  // pieces that are not finished
    std::atomic<int> sleepers_{0};
    Job job_{};
    std::exception_ptr problem_;
    std::vector<std::jthread> workers_;  // last: joined before the rest goes
};

std::mutex pool_mutex;
std::unique_ptr<Pool> pool;

Pool& the_pool() {
    std::lock_guard lock(pool_mutex);
    if (!pool) pool = std::make_unique<Pool>(threads_by_default());
    return *pool;
}

}  // namespace

void set_threads(int n) {
    check(n >= 0 && n <= max_threads, "{} threads", n);
    std::lock_guard lock(pool_mutex);
    pool.reset();
    pool = std::make_unique<Pool>(n == 0 ? threads_by_default() : n);
}

int threads() { return the_pool().size(); }

void run_pieces(int64_t n, int64_t piece, PieceFunction f) {
    check(piece > 0, "pieces of {}", piece);
    if (n <= 0) return;
    if (inside_piece || n <= piece) {
        for (int64_t first = 0; first < n; first += piece) f(first, std::min(n, first + piece));
        return;
    }
    the_pool().run(n, piece, f);
}

}  // namespace puna
