// chat/jinja/budget.h — how much a template may do before it is refused, so that a hostile one ends soon.
//
//   Budget budget({.steps = 1000});
//   budget.step();                                  // throws Error when there were too many
#pragma once
#include <cstddef>
#include <cstdint>

namespace puna::jinja {

struct Limits {
    int64_t steps = 50'000'000;              // expressions evaluated, items looked at
    int64_t characters = int64_t{64} << 20;  // of all text that is made on the way, four bytes each
    size_t source = size_t{1} << 20;         // bytes of the template
    int depth = 400;                         // of nested expressions, blocks and calls, and of lists in lists
    int64_t range = 100'000;                 // numbers of range(), as in Jinja2's sandbox
};

class Budget {
 public:
    explicit Budget(const Limits& limits) : limits_(limits) {}

    void step(size_t n = 1) { spend(steps_, n, limits_.steps, "steps"); }
    void write(size_t characters) { spend(characters_, characters, limits_.characters, "characters of text"); }
    // Comparing or searching: `n` characters, each with up to `m`.
    void search(size_t n, size_t m = 1) { step((n / 64 + 1) * (m / 64 + 1)); }
    const Limits& limits() const { return limits_; }

 private:
    static void spend(int64_t& spent, size_t n, int64_t limit, const char* what);

    Limits limits_;
    int64_t steps_ = 0, characters_ = 0;
};

}  // namespace puna::jinja
