#include "infer/scheduler.h"

#include "core/error.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace puna {

namespace {

int64_t size_of(const std::vector<int32_t>& list) { return static_cast<int64_t>(list.size()); }

std::vector<int32_t> part(const std::vector<int32_t>& list, int64_t first, int64_t n) {
    return {list.begin() + first, list.begin() + first + n};
}

}  // namespace

int64_t Scheduler::Scheduled::end() const { return size_of(job.tokens) - (wants_scores(job.wanted) ? 1 : 0); }

int64_t Scheduler::Scheduled::room() const { return size_of(pages) * page_tokens - computed; }

int64_t Scheduler::Scheduled::missing_pages() const { return pages_for(end()) - size_of(pages); }

StepSequence Scheduler::Scheduled::step() const {
    int64_t stop = computed + share;
    StepSequence step{.request = job.id, .past = computed, .adapter = job.adapter, .wanted = job.wanted};
    step.tokens = part(job.tokens, computed, share);
    step.pages = part(pages, 0, pages_for(stop));
    step.rows = std::max<int64_t>(stop - std::max(job.from, computed), 0);
    if (wants_scores(job.wanted)) step.targets = part(job.tokens, stop - step.rows + 1, step.rows);
    return step;
}

Scheduler::Scheduler(SchedulerLimits limits) : limits_(limits), pool_(limits.pages) {
    check(limits.step_tokens > 0 && limits.sequences > 0, "scheduler: {} tokens of {} sequences", limits.step_tokens,
          limits.sequences);
}

void Scheduler::add(Job job) {
    Place place{job.priority, arrivals_};
    CacheDomain domain{job.adapter, std::make_shared<const std::string>(std::move(job.tenant)), limits_.rotary};
    Sequences added;
    Scheduled& s = added.emplace(place, Scheduled{place, std::move(job), std::move(domain)}).first->second;
    check(s.job.from >= 0 && s.job.from < s.end(), "scheduler: no row of {} is wanted from {} on", s.end(), s.job.from);
    check(s.missing_pages() <= pool_.size(), "scheduler: {} tokens for {} pages", s.end(), pool_.size());
    check(by_id_.emplace(s.job.id, &s).second, "scheduler: request {} is there already", s.job.id);
    waiting_.merge(added);
    ++arrivals_;
}

void Scheduler::append(int64_t id, int32_t token) {
    Scheduled* s = find(id);
    check(s && s->job.wanted == Wanted::logits, "scheduler: a token for request {}", id);
    check(s->end() < pool_.size() * page_tokens, "scheduler: request {} fills all {} pages", id, pool_.size());
    s->job.tokens.push_back(token);
}

void Scheduler::remove(int64_t id) {
    Scheduled* s = find(id);
    if (!s) return;
    give_up_pages(*s);
    by_id_.erase(id);
    Place place = s->place;
    if (running_.erase(place) == 0) waiting_.erase(place);
}

Scheduler::Scheduled* Scheduler::find(int64_t id) const {
    auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

int64_t Scheduler::reused(int64_t id) const {
    const Scheduled* s = find(id);
    return s ? s->reused.value_or(0) : 0;
}

Step Scheduler::next() {
    admit();
    do {
        divide_tokens();
    } while (!provide_pages());
    Step step;
    for (const auto& [place, sequence] : running_)
        if (sequence.share > 0) step.sequences.push_back(sequence.step());
    return step;
}

// Nobody is overtaken by a job that needs less. A job of a higher priority takes the place and the pages of lower ones,
// the last admitted first, but only if that lets it in: else they go on.
void Scheduler::admit() {
    while (!waiting_.empty()) {
        Scheduled& first = waiting_.begin()->second;
        auto lower = running_.upper_bound({first.place.priority, std::numeric_limits<int64_t>::max()});
        if (std::distance(running_.begin(), lower) >= limits_.sequences) return;
        first.pages = pool_.find(std::span(first.job.tokens).first(static_cast<size_t>(first.job.from)), first.domain);
        first.computed = size_of(first.pages) * page_tokens;
        if (!fits_before(first, lower)) return give_up_pages(first);
        while (!fits_before(first, running_.end())) preempt_last();
        if (!first.reused) first.reused = first.computed;
        first.turn = ++turns_;
        running_.insert(waiting_.extract(waiting_.begin()));
    }
}

// Whether the job fits if the running sequences from `end` on give up their pages: pages that others use, too, do not
// become available by that.
bool Scheduler::fits_before(const Scheduled& job, Sequences::const_iterator end) {
    int64_t sequences = 1, needed = job.missing_pages();
    for (auto at = running_.cbegin(); at != end; ++at, ++sequences) needed += at->second.missing_pages() + 1;
    for (auto at = end; at != running_.cend(); ++at) pool_.release(at->second.pages);
    int64_t available = pool_.available();
    for (auto at = end; at != running_.cend(); ++at) pool_.retain(at->second.pages);
    return sequences <= limits_.sequences && needed <= available;
}

void Scheduler::divide_tokens() {
    int64_t tokens = limits_.step_tokens;
    for (auto at = running_.begin(); at != running_.end();) {
        std::vector<Scheduled*> group;
        for (int priority = at->first.priority; at != running_.end() && at->first.priority == priority; ++at)
            group.push_back(&at->second);
        tokens -= divide_equally(group, tokens);
    }
}

// Max-min fair: each gets what it can use, at most an equal share of what others leave. The remainder of the division
// goes round: one token to each of the first in turn, who then are the last. Hence with more sequences than tokens they
// take turns. Returns the sum.
int64_t Scheduler::divide_equally(std::span<Scheduled*> group, int64_t tokens) {
    std::sort(group.begin(), group.end(), [](auto* a, auto* b) { return a->pending() < b->pending(); });
    int64_t left = tokens, n = static_cast<int64_t>(group.size());
    for (; n > 0 && group.front()->pending() <= left / n; --n, group = group.subspan(1)) {
        Scheduled& satisfied = *group.front();
        satisfied.share = satisfied.pending();
        satisfied.next_turn = satisfied.turn;
        left -= satisfied.share;
    }
    if (n == 0) return tokens - left;
    std::sort(group.begin(), group.end(), [](auto* a, auto* b) { return a->turn < b->turn; });
    for (int64_t i = 0; i < n; ++i) {
        Scheduled& s = *group[static_cast<size_t>(i)];
        bool favored = i < left % n;
        s.share = left / n + (favored ? 1 : 0);
        s.next_turn = favored ? ++turns_ : s.turn;
    }
    return tokens;
}

// In the order of admission; who finds fewer pages computes fewer tokens. False: none were left for a sequence, hence
// one gave up its own, and the tokens are to be divided again.
bool Scheduler::provide_pages() {
    for (auto& [place, sequence] : running_) {
        if (sequence.share == 0) continue;
        take_pages(sequence, sequence.share);
        sequence.share = std::min(sequence.share, sequence.room());
        if (sequence.share > 0) continue;
        preempt_last();
        return false;
    }
    return true;
}

void Scheduler::take_pages(Scheduled& sequence, int64_t tokens) {
    size_t needed = static_cast<size_t>(pages_for(sequence.computed + tokens));
    sequence.pages.reserve(needed);  // before a page is taken
    while (sequence.pages.size() < needed) {
        std::optional<int32_t> page = pool_.take();
        if (!page) return;
        sequence.pages.push_back(*page);
    }
}

void Scheduler::preempt_last() {
    auto last = std::prev(running_.end());
    give_up_pages(last->second);
    waiting_.insert(running_.extract(last));
}

void Scheduler::give_up_pages(Scheduled& sequence) {
    pool_.release(sequence.pages);
    sequence.pages.clear();
    sequence.computed = 0;
}

void Scheduler::complete(const Step& step) {
    for (const StepSequence& done : step.sequences) {
        const Scheduled* s = find(done.request);
        check(s && s->computed == done.past && size_of(done.tokens) <= std::min(s->pending(), s->room()),
              "scheduler: {} tokens of request {} after {} were not to be computed", done.tokens.size(), done.request,
              done.past);
    }
    for (const StepSequence& done : step.sequences) advance(*find(done.request), size_of(done.tokens));
}

void Scheduler::advance(Scheduled& s, int64_t n) {
    size_t whole = static_cast<size_t>(s.computed / page_tokens);
    s.computed += n;
    s.job.from = std::max(s.job.from, s.computed);
    s.turn = s.next_turn;
    std::span<const int32_t> tokens = s.job.tokens;
    for (; whole < static_cast<size_t>(s.computed / page_tokens); ++whole) {
        int32_t parent = whole == 0 ? -1 : s.pages[whole - 1];
        s.pages[whole] =
            pool_.publish(s.pages[whole], parent, tokens.subspan(whole * page_tokens, page_tokens), s.domain);
    }
}

}  // namespace puna
