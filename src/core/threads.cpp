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

thread_local bool inside_chunk = false;

// Idle workers spin for a while before they sleep: a decode step runs some sixty jobs of a few microseconds each. When
// oversubscribed, a spinning thread only slows down others, so workers sleep at once.
int spins_before_sleep(int n) { return is_oversubscribed(usable_processors(), n) ? 0 : 20000; }

int default_thread_count() { return default_threads(usable_processors()); }

void cpu_relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

constexpr int chunk_bits = 40;
constexpr uint64_t chunk_mask = (uint64_t{1} << chunk_bits) - 1;

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

    // The caller claims chunks too, and waits only for chunks that workers have claimed, not for workers to wake up: on
    // a busy machine a decode step would wait for the scheduler sixty times.
    void run(int64_t n, int64_t chunk, ChunkFunction f) {
        std::lock_guard one_job_at_a_time(callers_);
        uint64_t chunks = static_cast<uint64_t>((n + chunk - 1) / chunk);
        check(chunks <= chunk_mask, "{} chunks", chunks);
        job_ = Job{&f, n, chunk, chunks};
        unfinished_.store(chunks, std::memory_order_relaxed);
        {
            std::lock_guard lock(mutex_);
            ticket_.store((job_number(ticket_.load(std::memory_order_relaxed)) + 1) << chunk_bits | chunks);
        }
        if (sleepers_.load() > 0) wake_.notify_all();
        work_on_job();
        wait_for_completion();
        if (std::exception_ptr problem = std::exchange(problem_, nullptr)) std::rethrow_exception(problem);
    }

 private:
    struct Job {
        const ChunkFunction* f;
        int64_t n, chunk;
        uint64_t chunks;
    };

    static uint64_t job_number(uint64_t ticket) { return ticket >> chunk_bits; }

    // Claims one chunk, or all that remain; returns the number that remained before.
    uint64_t claim(bool all) {
        uint64_t ticket = ticket_.load(std::memory_order_acquire);
        while (uint64_t left = ticket & chunk_mask)
            if (ticket_.compare_exchange_weak(ticket, ticket - (all ? left : 1), std::memory_order_acq_rel,
                                              std::memory_order_acquire))
                return left;
        return 0;
    }

    // A claimed chunk keeps job_ alive until it is finished; without one, job_ must not be accessed.
    void work_on_job() {
        inside_chunk = true;
        while (uint64_t left = claim(false)) {
            int64_t first = static_cast<int64_t>(job_.chunks - left) * job_.chunk;
            try {
                (*job_.f)(first, std::min(job_.n, first + job_.chunk));
            } catch (...) {
                unfinished_.fetch_sub(claim(true), std::memory_order_relaxed);
                note_exception(first);
            }
            if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_all();
        }
        inside_chunk = false;
    }

    // Chunks are claimed in order: those before the first one that throws are claimed too, and may only throw later.
    void note_exception(int64_t first) {
        std::lock_guard lock(mutex_);
        if (problem_ && problem_at_ < first) return;
        problem_ = std::current_exception();
        problem_at_ = first;
    }

    void wait_for_completion() {
        for (int spins = 0; spins < spins_ && unfinished_.load(std::memory_order_acquire) > 0; ++spins) cpu_relax();
        while (uint64_t left = unfinished_.load(std::memory_order_acquire))
            unfinished_.wait(left, std::memory_order_acquire);
    }

    void work(std::stop_token stop) {
        uint64_t seen = 0;
        while (wait_for_job(stop, seen)) {
            seen = job_number(ticket_.load(std::memory_order_acquire));
            work_on_job();
        }
    }

    bool wait_for_job(std::stop_token stop, uint64_t seen) {
        for (int spins = 0; spins < spins_; ++spins) {
            if (job_number(ticket_.load(std::memory_order_acquire)) != seen) return true;
            if (stop.stop_requested()) return false;
            cpu_relax();
        }
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return job_number(ticket_.load()) != seen || stop.stop_requested(); });
        sleepers_.fetch_sub(1);
        return job_number(ticket_.load()) != seen;
    }

    const int spins_;
    std::mutex callers_, mutex_;
    std::condition_variable wake_;
    std::atomic<uint64_t> ticket_{0};      // job number, and number of unclaimed chunks
    std::atomic<uint64_t> unfinished_{0};  // chunks not finished yet
    std::atomic<int> sleepers_{0};
    Job job_{};
    std::exception_ptr problem_;         // of the first chunk that threw
    int64_t problem_at_ = 0;             // where that chunk begins
    std::vector<std::jthread> workers_;  // last: joined before other members are destroyed
};

std::mutex pool_mutex;
std::unique_ptr<Pool> pool;

Pool& global_pool() {
    std::lock_guard lock(pool_mutex);
    if (!pool) pool = std::make_unique<Pool>(default_thread_count());
    return *pool;
}

}  // namespace

void set_threads(int n) {
    check(n >= 0 && n <= max_threads, "{} threads", n);
    std::lock_guard lock(pool_mutex);
    pool.reset();
    pool = std::make_unique<Pool>(n == 0 ? default_thread_count() : n);
}

int threads() { return global_pool().size(); }

void run_chunks(int64_t n, int64_t chunk, ChunkFunction f) {
    check(chunk > 0, "chunks of {}", chunk);
    if (n <= 0) return;
    if (inside_chunk || n <= chunk) {
        for (int64_t first = 0; first < n; first += chunk) f(first, std::min(n, first + chunk));
        return;
    }
    global_pool().run(n, chunk, f);
}

}  // namespace puna
