// chat/jinja/budget.h — bounds the work and memory of a template, so that a hostile one ends with an Error soon.
//
//   Budget budget({.steps = 1000});
//   budget.step();                                  // throws Error once more than 1000 steps were taken
#pragma once
#include "core/error.h"

#include <cstddef>
#include <cstdint>

namespace puna::jinja {

struct Limits {
    int64_t steps = 50'000'000;  // expressions and statements executed, items iterated: seconds of one core
    int64_t characters =
        int64_t{64} << 20;            // created in total, 4 bytes each; a list item counts as 8, a dict item as 32
    size_t source = size_t{1} << 20;  // bytes of the template
    int depth =
        400;  // of nested lists and of an expression's tree; a quarter for blocks in the source, twice for calls
    int64_t range = 100'000;  // items of range(), as in Jinja2's sandbox (MAX_RANGE)
};

// What one rendering has used. Every function that works on values charges it before it allocates.
class Budget {
 public:
    explicit Budget(const Limits& limits) : limits_(limits) {}

    void step(size_t n = 1) { spend(steps_, n, limits_.steps, "steps"); }
    void write(size_t characters) { spend(characters_, characters, limits_.characters, "characters of text and data"); }
    // Comparing or searching a text of n characters for one of m: at worst n * m comparisons.
    void search(size_t n, size_t m = 1) { step((n / 64 + 1) * (m / 64 + 1)); }
    const Limits& limits() const { return limits_; }

 private:
    static void spend(int64_t& spent, size_t n, int64_t limit, const char* unit) {
        if (n > static_cast<size_t>(limit - spent))
            fail("the template exceeds the limit of {} {}: does it loop without end?", limit, unit);
        spent += static_cast<int64_t>(n);
    }

    Limits limits_;
    int64_t steps_ = 0, characters_ = 0;
};

}  // namespace puna::jinja
