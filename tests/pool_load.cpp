// pool_load THREADS: runs small jobs whose last chunk only sleeps, and prints the CPU seconds used by all threads per
// second of wall time: near zero if waiting threads sleep.
#include "core/threads.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

int main(int argc, char** argv) {
    puna::set_threads(argc > 1 ? std::atoi(argv[1]) : 0);
    puna::parallel_for(1000, [](int64_t) {});  // every thread has started
    auto start = std::chrono::steady_clock::now();
    std::clock_t used = std::clock();
    for (int job = 0; job < 600; ++job)
        puna::parallel_for(2, [](int64_t i) {
            if (i == 1) std::this_thread::sleep_for(std::chrono::microseconds(600));
        });
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%.3f\n", static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC / seconds);
}
