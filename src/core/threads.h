// core/threads.h — the process-wide thread pool.
//
//   set_threads(4);                                          // 0: default_threads() (core/processors.h)
//   parallel_for(rows, [&](int64_t row) { f(row); });         // one call per index, on any thread
//   parallel_for(rows, 16, [&](int64_t first, int64_t last) { g(first, last); });  // chunks of at most 16
//
// The split into chunks does not depend on the number of threads, and so neither do results. Chunks begin in order and
// end in any. Nested calls of parallel_for run serially. If chunks throw, the exception of the first of them is
// rethrown in the caller, on any number of threads; chunks after it may not run. Any thread may call it; one job runs
// at a time. set_threads must not be called meanwhile.
#pragma once
#include <cstdint>
#include <functional>
#include <utility>

namespace puna {

constexpr int max_threads = 4096;

void set_threads(int n);
int threads();

// Non-owning reference to a callable; no allocation.
class ChunkFunction {
 public:
    template <class F>
    explicit ChunkFunction(F& f)
        : object_(&f),
          call_([](void* object, int64_t first, int64_t last) { (*static_cast<F*>(object))(first, last); }) {}
    void operator()(int64_t first, int64_t last) const { call_(object_, first, last); }

 private:
    void* object_;
    void (*call_)(void*, int64_t, int64_t);
};

void run_chunks(int64_t n, int64_t chunk, ChunkFunction f);

template <class F>
void parallel_for(int64_t n, int64_t chunk, F&& f) {
    run_chunks(n, chunk, ChunkFunction(f));
}

template <class F>
void parallel_for(int64_t n, F&& f) {
    auto each = [&f](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) f(i);
    };
    run_chunks(n, 1, ChunkFunction(each));
}

}  // namespace puna
