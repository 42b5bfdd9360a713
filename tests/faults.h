// tests/faults.h — makes calls of the engine's thread fail, counted at one kind of place.
//
//   faults.arm(Place::host_memory, 7, false);       // the eighth allocation
//   run(engine);
//   bool happened = faults.disarm();
//
// A program that links memory_faults.cpp has the faults in host memory: in operator new and, redirected by the linker's
// option --wrap, aligned_alloc.
#pragma once
#include <atomic>
#include <cstdint>

namespace puna {

// Set by the test's own thread. The only other one is the engine's, as kernels run on one thread.
inline thread_local bool is_test_thread = false;

enum class Place { kernel, device_memory, host_memory };

class Faults {
 public:
    // The calls at this place from the n-th on fail, or that one only.
    void arm(Place place, int64_t n, bool lasting) {
        place_ = place;
        left_ = n;
        lasting_ = lasting;
        happened_ = false;
        armed_ = true;
    }
    bool disarm() {  // returns whether there were any
        armed_ = false;
        return happened_;
    }
    bool happens(Place place) {
        if (is_test_thread || !armed_ || place != place_ || left_-- > 0) return false;
        if (!lasting_) armed_ = false;
        happened_ = true;
        return true;
    }

 private:
    std::atomic<bool> armed_ = false, lasting_ = false, happened_ = false;
    std::atomic<Place> place_ = Place::kernel;
    std::atomic<int64_t> left_ = 0;
};
inline constinit Faults faults;

}  // namespace puna
