// core/threads.h — the process's one pool of threads.
//
//   set_threads(4);                                          // 0: default_threads() of core/processors.h
//   parallel_for(rows, [&](int64_t row) { f(row); });         // one call for each index, in any order, on any thread
//   parallel_for(rows, 16, [&](int64_t first, int64_t last) { g(first, last); });  // pieces of at most 16
//
// How the work is shared out never changes a result: pieces do not depend on the number of threads. Inside a piece,
// parallel_for runs serially. What a piece throws is thrown again by the caller. Any thread may call it, one job runs
// at a time; set_threads must not be called meanwhile.
#pragma once
#include <cstdint>
#include <functional>
#include <utility>

namespace puna {

constexpr int max_threads = 4096;

void set_threads(int n);
int threads();

// Non-owning reference to a callable: costs no allocation.
class PieceFunction {
 public:
    template <class F>
    explicit PieceFunction(F& f)
        : object_(&f),
          call_([](void* object, int64_t first, int64_t last) { (*static_cast<F*>(object))(first, last); }) {}
    void operator()(int64_t first, int64_t last) const { call_(object_, first, last); }

 private:
    void* object_;
    void (*call_)(void*, int64_t, int64_t);
};

void run_pieces(int64_t n, int64_t piece, PieceFunction f);

template <class F>
void parallel_for(int64_t n, int64_t piece, F&& f) {
    run_pieces(n, piece, PieceFunction(f));
}

template <class F>
void parallel_for(int64_t n, F&& f) {
    auto each = [&f](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) f(i);
    };
    run_pieces(n, 1, PieceFunction(each));
}

}  // namespace puna
