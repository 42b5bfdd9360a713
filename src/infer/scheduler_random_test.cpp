#include "infer/scheduler.h"

#include "core/error.h"
#include "core/random.h"
#include "infer/failing_memory.h"
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <new>
#include <set>
#include <type_traits>
#include <utility>

namespace puna {
namespace {

using Tokens = std::vector<int32_t>;

// How a schedule goes on; chances are per step.
struct Habits {
    double add = 0.3, cancel = 0.02, failure = 0.05;
    double memory_failure = 0;  // per call of the scheduler
    int64_t max_tokens = 200, max_answer = 8;
    int priorities = 3;
};

uint64_t mixed(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

// What a request should experience.
struct Expected {
    Job job;                     // with the generated tokens
    std::vector<uint64_t> keys;  // of each token and all before it: what a cache must hold at its position
    int64_t answer = 0;          // tokens to generate
    int64_t next_row = 0;        // rows before it were returned
    int64_t computed = 0;        // by the last completed step

    // for fairness
    int64_t tokens = 0;                   // computed so far
    std::deque<int64_t> tokens_before{};  // each of the last steps, if it was admitted and could have used more in all

    int64_t end() const { return std::ssize(job.tokens) - (wants_scores(job.wanted) ? 1 : 0); }
    void extend_keys() {
        uint64_t domain = mixed(static_cast<uint64_t>(job.adapter + 2), job.tenant.size());
        for (size_t i = keys.size(); i < job.tokens.size(); ++i)
            keys.push_back(mixed(i == 0 ? domain : keys[i - 1], static_cast<uint64_t>(job.tokens[i])));
    }
};

// Runs random requests through a scheduler, with a cache that remembers what was written where: whatever a step would
// attend to must be there.
class RandomSchedule {
 public:
    RandomSchedule(uint64_t seed, SchedulerLimits limits, Habits habits)
        : random_(seed),
          limits_(limits),
          habits_(habits),
          scheduler_(limits),
          cache_(static_cast<size_t>(limits.pages * page_tokens)) {}

    // Returns false once something was not as it should be.
    bool step() {
        if (chance(habits_.add)) add();
        if (chance(habits_.cancel) && !requests_.empty()) remove(any_request());
        int64_t waiting = scheduler_.waiting(), available = scheduler_.pool().available();
        Step step = call([&] { return scheduler_.next(); });
        ++steps;
        if (scheduler_.waiting() > waiting) ++preemptions;
        check_step(step);
        check_preemptions(step, available);
        if (chance(habits_.failure)) {
            fail_step(step);
        } else {
            complete(step);
        }
        return !testing::Test::HasFailure();
    }

    // Lets everything finish.
    void finish() {
        habits_.add = 0;
        for (int64_t i = 0; !requests_.empty() && step(); ++i) ASSERT_LT(i, 100'000) << "no progress";
        ASSERT_TRUE(scheduler_.idle());
        ASSERT_EQ(scheduler_.pool().available(), limits_.pages) << "pages leaked";
        scheduler_.pool().check_invariants();
    }

    void add() {
        static constexpr Wanted kinds[] = {
            Wanted::logits, Wanted::logits, Wanted::logits, Wanted::scores, Wanted::scores_and_logits, Wanted::hidden};
        Job job{.id = ++last_id_, .tokens = random_text(), .wanted = kinds[below(std::ssize(kinds))]};
        int64_t rows = std::ssize(job.tokens) - (wants_scores(job.wanted) ? 1 : 0);
        job.from = job.wanted == Wanted::logits ? rows - 1 : below(rows);
        job.adapter = static_cast<int>(below(3) / 2) - 1;
        job.priority = static_cast<int>(below(habits_.priorities));
        if (below(3) == 0) job.tenant = "tenant";
        call([&] { scheduler_.add(job); });
        Expected expected{.job = job, .next_row = job.from};
        expected.answer = 1 + below(std::min(habits_.max_answer, limits_.pages * page_tokens - rows + 1));
        expected.extend_keys();
        requests_.emplace(job.id, std::move(expected));
    }

    int64_t steps = 0, reused = 0, preemptions = 0, outranked = 0, failures_of_memory = 0, compared = 0;

 private:
    int64_t below(int64_t n) { return static_cast<int64_t>(random_.below(static_cast<uint64_t>(n))); }
    bool chance(double p) { return static_cast<double>(random_.uniform()) < p; }
    int64_t any_request() { return std::next(requests_.begin(), below(std::ssize(requests_)))->first; }

    // Two texts begin alike for a while, or are the same.
    Tokens random_text() {
        int64_t limit = std::min(habits_.max_tokens, limits_.pages * page_tokens), n = 2 + below(limit - 1);
        int64_t common = below(2) == 0 ? n : below(n + 1);
        int32_t text = static_cast<int32_t>(below(2));
        Tokens tokens;
        for (int64_t i = 0; i < n; ++i) tokens.push_back(i < common ? text : static_cast<int32_t>(2 + below(100)));
        return tokens;
    }

    // With memory that may be exhausted at any allocation: then again.
    template <class F>
    std::invoke_result_t<F> call(F f) {
        while (chance(habits_.memory_failure)) {
            try {
                FailingMemory memory(below(30));
                return f();
            } catch (const std::bad_alloc&) {
                ++failures_of_memory;
            }
        }
        return f();
    }

    void remove(int64_t id) {
        call([&] { scheduler_.remove(id); });
        requests_.erase(id);
    }

    void check_step(const Step& step) {
        int64_t tokens = 0;
        std::map<int32_t, int> users;  // of each page
        std::map<int64_t, int64_t> shares;
        for (const StepSequence& s : step.sequences) {
            ASSERT_TRUE(requests_.count(s.request) && shares.emplace(s.request, std::ssize(s.tokens)).second);
            check_sequence(s, requests_[s.request]);
            tokens += std::ssize(s.tokens);
            for (int32_t page : s.pages) ++users[page];
        }
        for (const StepSequence& s : step.sequences)
            for (size_t i = static_cast<size_t>(s.past / page_tokens); i < s.pages.size(); ++i)
                ASSERT_EQ(users[s.pages[i]], 1) << "page " << s.pages[i] << " is written and used by another sequence";
        ASSERT_LE(tokens, limits_.step_tokens);
        ASSERT_LE(scheduler_.running(), limits_.sequences);
        ASSERT_EQ(scheduler_.running() + scheduler_.waiting(), std::ssize(requests_));
        ASSERT_TRUE(tokens > 0 || requests_.empty()) << "nothing runs";
        check_fairness(shares);
    }

    // Who gives up its place gives it to a higher priority, unless those that ran may have run out of pages.
    void check_preemptions(const Step& step, int64_t available) {
        std::set<int64_t> before = std::exchange(running_, {});
        if (std::ssize(step.sequences) != scheduler_.running()) return;  // the others that run are not known
        int highest = std::numeric_limits<int>::min();                   // of those that were admitted
        for (const StepSequence& s : step.sequences) {
            running_.insert(s.request);
            if (!before.count(s.request)) highest = std::max(highest, requests_[s.request].job.priority);
        }
        int64_t most_taken = limits_.step_tokens / page_tokens + std::ssize(before);
        if (available < most_taken) return;
        for (int64_t id : before) {
            auto request = requests_.find(id);
            if (running_.count(id) || request == requests_.end()) continue;
            ASSERT_LT(request->second.job.priority, highest) << "request " << id << " makes room for nobody";
            ++outranked;
        }
    }

    void check_sequence(const StepSequence& s, const Expected& expected) {
        const Job& job = expected.job;
        int64_t n = std::ssize(s.tokens), stop = s.past + n;
        ASSERT_GT(n, 0);
        ASSERT_LE(stop, expected.end());
        ASSERT_TRUE(s.past == expected.computed || s.past % page_tokens == 0) << s.past;
        ASSERT_TRUE(std::equal(s.tokens.begin(), s.tokens.end(), job.tokens.begin() + s.past));
        ASSERT_EQ(s.adapter, job.adapter);
        ASSERT_EQ(s.wanted, job.wanted);
        ASSERT_LE(s.past, expected.next_row) << "rows are left out";
        ASSERT_EQ(s.rows, std::max<int64_t>(stop - expected.next_row, 0));
        ASSERT_EQ(std::ssize(s.targets), wants_scores(job.wanted) ? s.rows : 0);
        for (int64_t i = 0; i < std::ssize(s.targets); ++i)
            ASSERT_EQ(s.targets[static_cast<size_t>(i)], job.tokens[static_cast<size_t>(stop - s.rows + i + 1)]);
        ASSERT_EQ(std::ssize(s.pages), pages_for(stop));
        for (int64_t i = 0; i < s.past; ++i)
            ASSERT_EQ(cell(s, i), expected.keys[static_cast<size_t>(i)]) << "request " << s.request << ", token " << i;
    }

    uint64_t& cell(const StepSequence& s, int64_t position) {
        int64_t page = s.pages[static_cast<size_t>(position / page_tokens)];
        return cache_.at(static_cast<size_t>(page * page_tokens + position % page_tokens));
    }

    // A part of the cache is written, and nothing counts. Some of its requests end with it.
    void fail_step(const Step& step) {
        for (const StepSequence& s : step.sequences) {
            for (int64_t i = 0; i < std::ssize(s.tokens); ++i) cell(s, s.past + i) = ~uint64_t{0};
            if (below(4) == 0) remove(s.request);
        }
    }

    void complete(const Step& step) {
        for (const StepSequence& s : step.sequences) {
            Expected& expected = requests_[s.request];
            expected.computed = s.past + std::ssize(s.tokens);
            expected.tokens += std::ssize(s.tokens);
            for (int64_t i = s.past; i < expected.computed; ++i) cell(s, i) = expected.keys[static_cast<size_t>(i)];
        }
        call([&] { scheduler_.complete(step); });
        for (const StepSequence& s : step.sequences) deliver(s);
    }

    void deliver(const StepSequence& s) {
        Expected& expected = requests_[s.request];
        expected.next_row += s.rows;
        if (expected.next_row < expected.end()) return;
        if (expected.job.wanted != Wanted::logits || --expected.answer == 0) {
            reused += scheduler_.reused(s.request);
            return remove(s.request);
        }
        int32_t token = static_cast<int32_t>(below(2));
        call([&] { scheduler_.append(s.request, token); });
        expected.job.tokens.push_back(token);
        expected.extend_keys();
    }

    // Two requests of one priority that were admitted and could have used more in each of 100 steps: neither got less
    // than half of what the other got, up to a token.
    void check_fairness(const std::map<int64_t, int64_t>& shares) {
        constexpr size_t window = 100;
        std::map<int, std::vector<int64_t>> got;  // by priority: tokens in the window
        for (auto& [id, request] : requests_) {
            auto share = shares.find(id);
            bool admitted = share != shares.end() || scheduler_.waiting() == 0 || !request.tokens_before.empty();
            bool satisfied = request.computed + (share == shares.end() ? 0 : share->second) == request.end();
            if (!admitted || satisfied || scheduler_.pool().available() == 0) {
                request.tokens_before.clear();
                continue;
            }
            request.tokens_before.push_back(request.tokens);
            if (request.tokens_before.size() <= window) continue;
            got[request.job.priority].push_back(request.tokens - request.tokens_before.front());
            request.tokens_before.pop_front();
        }
        for (const auto& [priority, tokens] : got) {
            auto [least, most] = std::minmax_element(tokens.begin(), tokens.end());
            ASSERT_GE(2 * (*least + 1), *most) << "priority " << priority;
            compared += std::ssize(tokens) - 1;
        }
    }

    Random random_;
    SchedulerLimits limits_;
    Habits habits_;
    Scheduler scheduler_;
    std::vector<uint64_t> cache_;
    std::map<int64_t, Expected> requests_;
    std::set<int64_t> running_;  // after the last step; empty: not known
    int64_t last_id_ = 0;
};

struct Setting {
    SchedulerLimits limits;
    Habits habits;
};

Setting random_setting(Random& random) {
    auto from = [&](int64_t least, uint64_t n) { return least + static_cast<int64_t>(random.below(n)); };
    if (random.below(8) == 0)  // short prompts with long answers, which need more and more pages
        return {{.step_tokens = from(4, 60), .sequences = from(3, 4), .pages = from(3, 3)},
                {.add = 0.01, .cancel = 0.002, .failure = 0.005, .max_tokens = 64, .max_answer = 150}};
    return {{.step_tokens = from(1, random.below(5) == 0 ? 8 : 300), .sequences = from(1, 8), .pages = from(1, 30)},
            {}};
}

TEST(RandomSchedules, ReturnEveryRowOnceAndLeakNoPage) {
    int64_t steps = 0, reused = 0, preemptions = 0, outranked = 0;
    Random random(1);
    for (uint64_t seed = 0; seed < 100'000; ++seed) {
        Setting setting = random_setting(random);
        RandomSchedule schedule(seed, setting.limits, setting.habits);
        for (uint64_t n = random.below(8); n > 0; --n) schedule.add();
        for (uint64_t n = random.below(10); n > 0; --n) schedule.step();
        schedule.finish();
        ASSERT_FALSE(HasFailure()) << "schedule " << seed;
        steps += schedule.steps, reused += schedule.reused, preemptions += schedule.preemptions;
        outranked += schedule.outranked;
    }
    EXPECT_GT(reused, 100'000) << "tokens in " << steps << " steps";
    EXPECT_GT(preemptions, 1000) << "in " << steps << " steps";
    EXPECT_GT(outranked, 1000) << "in " << steps << " steps";
}

TEST(RandomSchedules, AreFairInAnyHundredSteps) {
    int64_t compared = 0;
    Random random(2);
    for (uint64_t seed = 0; seed < 100; ++seed) {
        SchedulerLimits limits{.step_tokens = 1 + static_cast<int64_t>(random.below(20)),
                               .sequences = 2 + static_cast<int64_t>(random.below(10)),
                               .pages = 1000};
        RandomSchedule schedule(seed, limits, {.add = 0.05, .max_tokens = 2000, .priorities = 2});
        for (int i = 0; i < 1000; ++i) ASSERT_TRUE(schedule.step()) << "schedule " << seed << ", step " << i;
        compared += schedule.compared;
    }
    EXPECT_GT(compared, 10'000);
}

TEST(RandomSchedules, GoOnWhenMemoryWasExhausted) {
    int64_t failures = 0;
    Random random(3);
    for (uint64_t seed = 0; seed < 5000; ++seed) {
        Setting setting = random_setting(random);
        setting.habits.memory_failure = 0.5;
        RandomSchedule schedule(seed, setting.limits, setting.habits);
        for (int i = 0; i < 5; ++i) schedule.add();
        for (int i = 0; i < 10; ++i) schedule.step();
        schedule.finish();
        ASSERT_FALSE(HasFailure()) << "schedule " << seed;
        failures += schedule.failures_of_memory;
    }
    EXPECT_GT(failures, 10'000);
}

}  // namespace
}  // namespace puna
