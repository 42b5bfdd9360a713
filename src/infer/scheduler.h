// infer/scheduler.h — which sequences run in the next step, with how many tokens, and in which pages of the KV cache.
//
//   Scheduler scheduler({.step_tokens = 512, .sequences = 64, .pages = 1000});
//   scheduler.add({.id = 7, .tokens = prompt, .from = last});
//   Step step = scheduler.next();
//   scheduler.complete(step);     // it was run; if that fails instead, nothing has to be undone
//   scheduler.append(7, token);   // sampled from the row of logits that the step wanted
//   scheduler.remove(7);
//
// Admission: the highest priority first, then first come, first served. A job waits until there are pages for all its
// tokens beside those that running sequences still need, and one more for each of these; jobs behind it wait, too.
// Running sequences of a lower priority make room for it if that is enough; else they go on. Its first pages may be
// found in the pool. A step's tokens go to the highest priority first; of one priority, sequences get equal shares as
// far as they have pending tokens. When no page is left, the running sequence that would be admitted last gives up its
// own and waits again: its tokens are computed once more, but no row is returned twice.
//
// Plain data in, plain data out: no model, no threads. What throws bad_alloc or Bug changes nothing that matters: it
// can be called again.
#pragma once
#include "infer/page_pool.h"
#include "infer/step.h"

#include <map>
#include <unordered_map>

namespace puna {

// A request, as far as the scheduler knows it.
struct Job {
    int64_t id = 0;
    std::vector<int32_t> tokens;     // prompt, or text to score or embed
    Wanted wanted = Wanted::logits;  // scores: the last token is not computed, it is only a target
    int64_t from = 0;                // first position whose row is wanted; only pages before it are looked up
    int adapter = -1, priority = 0;  // a higher priority runs first
    std::string tenant;              // pages are shared by requests of one tenant and adapter
};

struct SchedulerLimits {
    int64_t step_tokens, sequences, pages;  // tokens of a step; running sequences; pages of the KV cache
    int64_t rotary = 0;                     // of all pages: see CacheDomain
};

class Scheduler {
 public:
    explicit Scheduler(SchedulerLimits limits);

    void add(Job job);  // at least one row is wanted, and the tokens fit into the pages of the cache
    void append(int64_t id, int32_t token);  // its row of logits is wanted, too
    void remove(int64_t id);                 // finished, canceled or failed; an unknown id is ignored

    Step next();  // without sequences if nothing can run
    void complete(const Step& step);

    bool idle() const { return by_id_.empty(); }
    int64_t waiting() const { return static_cast<int64_t>(waiting_.size()); }
    int64_t running() const { return static_cast<int64_t>(running_.size()); }
    int64_t reused(int64_t id) const;  // tokens that were found in the pool when the job was first admitted
    const PagePool& pool() const { return pool_; }

 private:
    struct Place {
        int priority;
        int64_t arrival;

        bool operator<(const Place& other) const {
            return priority != other.priority ? priority > other.priority : arrival < other.arrival;
        }
    };
    struct Scheduled {
        Place place;
        Job job;  // `tokens`: the appended ones, too; `from`: the first position whose row was not returned yet
        CacheDomain domain;
        int64_t computed = 0;             // tokens in the cache; those that fill pages are published
        std::vector<int32_t> pages{};     // of the computed tokens, and perhaps of the next ones
        std::optional<int64_t> reused{};  // none: not admitted yet
        int64_t share = 0;                // tokens in the next step
        int64_t turn = 0, next_turn = 0;  // its place in the round of divide_equally, now and after the next step

        int64_t end() const;  // tokens to compute, those in the cache included
        int64_t pending() const { return end() - computed; }
        int64_t room() const;           // tokens that its pages can take
        int64_t missing_pages() const;  // for all its tokens
        StepSequence step() const;
    };
    using Sequences = std::map<Place, Scheduled>;  // in the order of admission

    Scheduled* find(int64_t id) const;
    void admit();
    bool fits_before(const Scheduled& job, Sequences::const_iterator end);
    void divide_tokens();
    int64_t divide_equally(std::span<Scheduled*> group, int64_t tokens);
    bool provide_pages();
    void take_pages(Scheduled& sequence, int64_t tokens);
    void preempt_last();
    void give_up_pages(Scheduled& sequence);
    void advance(Scheduled& sequence, int64_t n);

    SchedulerLimits limits_;
    PagePool pool_;
    Sequences waiting_, running_;  // nodes move between them, which needs no memory
    std::unordered_map<int64_t, Scheduled*> by_id_;
    int64_t arrivals_ = 0, turns_ = 0;
};

}  // namespace puna
