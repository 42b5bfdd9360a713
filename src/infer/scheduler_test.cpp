#include "infer/scheduler.h"

#include "core/error.h"

#include <gmock/gmock.h>

#include <numeric>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Tokens = std::vector<int32_t>;

constexpr SchedulerLimits roomy{.step_tokens = 512, .sequences = 8, .pages = 1000};

Tokens tokens_of(int64_t n, int32_t first = 0) {
    Tokens tokens(static_cast<size_t>(n));
    std::iota(tokens.begin(), tokens.end(), first);
    return tokens;
}

Tokens joined(Tokens a, const Tokens& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// Its first token differs from those of other ids.
Job generate(int64_t id, int64_t n) {
    return {.id = id, .tokens = tokens_of(n, static_cast<int32_t>(id * 10'000)), .from = n - 1};
}

Step run(Scheduler& scheduler) {
    Step step = scheduler.next();
    scheduler.complete(step);
    return step;
}

// Tokens of each request in a step.
std::map<int64_t, int64_t> counts(const Step& step) {
    std::map<int64_t, int64_t> counts;
    for (const StepSequence& s : step.sequences) counts[s.request] = static_cast<int64_t>(s.tokens.size());
    return counts;
}

using Counts = std::map<int64_t, int64_t>;

void run_until_computed(Scheduler& scheduler) {
    while (!run(scheduler).sequences.empty()) continue;
}

TEST(Scheduler, APromptIsComputedInPiecesAndItsLastRowIsWanted) {
    Scheduler scheduler({.step_tokens = 100, .sequences = 8, .pages = 10});
    scheduler.add({.id = 7, .tokens = tokens_of(150), .from = 149, .adapter = 2});
    Step first = run(scheduler), second = run(scheduler);
    ASSERT_EQ(first.sequences.size(), 1u);
    EXPECT_EQ(first.sequences[0].request, 7);
    EXPECT_EQ(first.sequences[0].past, 0);
    EXPECT_EQ(first.sequences[0].tokens, tokens_of(100));
    EXPECT_EQ(first.sequences[0].pages.size(), 2u);
    EXPECT_EQ(first.sequences[0].adapter, 2);
    EXPECT_EQ(first.sequences[0].wanted, Wanted::logits);
    EXPECT_EQ(first.sequences[0].rows, 0);
    ASSERT_EQ(second.sequences.size(), 1u);
    EXPECT_EQ(second.sequences[0].past, 100);
    EXPECT_EQ(second.sequences[0].tokens, tokens_of(50, 100));
    EXPECT_EQ(second.sequences[0].pages.size(), 3u);
    EXPECT_EQ(second.sequences[0].rows, 1);
    EXPECT_THAT(second.sequences[0].targets, IsEmpty());
    EXPECT_THAT(run(scheduler).sequences, IsEmpty());
}

TEST(Scheduler, AnAppendedTokenIsComputedInTheNextStep) {
    Scheduler scheduler(roomy);
    scheduler.add(generate(1, 10));
    run(scheduler);
    for (int32_t token : {500, 501}) {
        scheduler.append(1, token);
        Step step = run(scheduler);
        ASSERT_EQ(step.sequences.size(), 1u);
        EXPECT_THAT(step.sequences[0].tokens, ElementsAre(token));
        EXPECT_EQ(step.sequences[0].rows, 1);
    }
}

TEST(Scheduler, ScoresAreOfTheTokenAfterEachRow) {
    Scheduler scheduler({.step_tokens = 4, .sequences = 8, .pages = 10});
    scheduler.add({.id = 1, .tokens = tokens_of(8), .wanted = Wanted::scores, .from = 2});
    Step first = run(scheduler), second = run(scheduler);
    EXPECT_EQ(first.sequences[0].tokens, tokens_of(4));
    EXPECT_EQ(first.sequences[0].rows, 2);
    EXPECT_THAT(first.sequences[0].targets, ElementsAre(3, 4));
    EXPECT_EQ(second.sequences[0].tokens, tokens_of(3, 4)) << "without the last, which is only a target";
    EXPECT_EQ(second.sequences[0].rows, 3);
    EXPECT_THAT(second.sequences[0].targets, ElementsAre(5, 6, 7));
    EXPECT_THAT(run(scheduler).sequences, IsEmpty());
}

TEST(Scheduler, EmbeddingsWantEveryRow) {
    Scheduler scheduler({.step_tokens = 100, .sequences = 8, .pages = 10});
    scheduler.add({.id = 1, .tokens = tokens_of(150), .wanted = Wanted::hidden});
    EXPECT_EQ(run(scheduler).sequences[0].rows, 100);
    EXPECT_EQ(run(scheduler).sequences[0].rows, 50);
}

TEST(Scheduler, ACommonBeginningIsComputedOnce) {
    Scheduler scheduler(roomy);
    Tokens beginning = tokens_of(1000), one = joined(beginning, tokens_of(30, 5000)),
           two = joined(beginning, tokens_of(20, 6000));
    scheduler.add({.id = 1, .tokens = one, .from = 1029});
    run_until_computed(scheduler);
    scheduler.add({.id = 2, .tokens = two, .from = 1019});
    Step step = run(scheduler);
    EXPECT_EQ(counts(step), (Counts{{2, 40 + 20}}));  // 960 tokens are whole pages
    EXPECT_EQ(step.sequences[0].past, 960);
    EXPECT_EQ(scheduler.reused(1), 0);
    EXPECT_EQ(scheduler.reused(2), 960);
}

TEST(Scheduler, AConversationContinuesFromItsAnswer) {
    Scheduler scheduler(roomy);
    scheduler.add(generate(1, 100));
    Tokens conversation = generate(1, 100).tokens;
    for (int32_t token = 0; token < 50; ++token) {
        run(scheduler);
        scheduler.append(1, token);
        conversation.push_back(token);
    }
    scheduler.remove(1);  // the last token is not computed
    scheduler.add({.id = 2, .tokens = joined(conversation, {8, 9}), .from = 151});
    EXPECT_EQ(counts(scheduler.next()), (Counts{{2, 152 - 128}}));
}

TEST(Scheduler, TheLastTokenOfAPromptAlwaysRuns) {
    Scheduler scheduler(roomy);
    for (int64_t id : {1, 2}) {
        scheduler.add({.id = id, .tokens = tokens_of(128), .from = 127});
        EXPECT_EQ(run(scheduler).sequences[0].rows, 1);
    }
    EXPECT_EQ(scheduler.reused(2), 64);
}

TEST(Scheduler, RowsThatAreWantedAreComputed) {
    Scheduler scheduler(roomy);
    scheduler.add(generate(1, 300));
    run(scheduler);
    Tokens text = generate(1, 300).tokens;
    scheduler.add({.id = 2, .tokens = text, .wanted = Wanted::hidden});
    scheduler.add({.id = 3, .tokens = text, .wanted = Wanted::scores, .from = 130});
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 300}, {3, 299 - 128}}));
}

TEST(Scheduler, AdaptersAndTenantsComputeTheirOwnPages) {
    Scheduler scheduler(roomy);
    scheduler.add({.id = 1, .tokens = tokens_of(100), .from = 99, .tenant = "a"});
    run(scheduler);
    scheduler.add({.id = 2, .tokens = tokens_of(100), .from = 99, .tenant = "b"});
    scheduler.add({.id = 3, .tokens = tokens_of(100), .from = 99, .adapter = 0, .tenant = "a"});
    scheduler.add({.id = 4, .tokens = tokens_of(100), .from = 99, .tenant = "a"});
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 100}, {3, 100}, {4, 36}}));
}

TEST(Scheduler, AWaitingJobOfAHigherPriorityTakesThePlaceOfALowerOne) {
    for (SchedulerLimits limits : {SchedulerLimits{.step_tokens = 100, .sequences = 1, .pages = 100},
                                   SchedulerLimits{.step_tokens = 100, .sequences = 8, .pages = 5}}) {
        Scheduler scheduler(limits);
        scheduler.add(generate(1, 250));
        EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 100}}));
        Job urgent = generate(2, 120);
        urgent.priority = 1;
        scheduler.add(urgent);
        EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 100}}));
        EXPECT_EQ(counts(run(scheduler))[2], 20);
        scheduler.remove(2);
        int64_t rows = 0, steps = 0;
        for (Step step = run(scheduler); !step.sequences.empty(); step = run(scheduler), ++steps)
            rows += step.sequences[0].rows;
        EXPECT_EQ(rows, 1) << "the lower one goes on, with the pages that are still there";
        EXPECT_LE(steps, 3);
    }
}

Job with_priority(Job job, int priority) {
    job.priority = priority;
    return job;
}

// Of ten pages: the first holds six, the second, of a lower priority, one; the third waits for eight.
void add_one_that_lacks_pages(Scheduler& scheduler) {
    scheduler.add(with_priority(generate(1, 6 * 64), 1));
    scheduler.add(with_priority(generate(2, 10), 0));
    run(scheduler);
    scheduler.append(2, 9);
    scheduler.add(with_priority(generate(3, 8 * 64), 1));
}

// In how many of n steps a job ran; `generating` gets a token after each of its own.
int64_t steps_of(int64_t id, Scheduler& scheduler, int n, int64_t generating) {
    int64_t steps = 0;
    for (int i = 0; i < n; ++i) {
        Counts ran = counts(run(scheduler));
        steps += ran[id] > 0;
        if (ran[generating] > 0) scheduler.append(generating, 9);
    }
    return steps;
}

TEST(Scheduler, NobodyGivesUpPagesThatAreTooFewForAHigherPriority) {
    Scheduler scheduler({.step_tokens = 1000, .sequences = 8, .pages = 10});
    add_one_that_lacks_pages(scheduler);
    EXPECT_EQ(steps_of(2, scheduler, 50, 2), 50) << "the third does not fit beside the first, whatever the second does";
    scheduler.add(with_priority(generate(4, 1), 0));
    EXPECT_EQ(steps_of(4, scheduler, 2, 2), 0) << "it does not overtake the third";
    scheduler.remove(1);
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 1}, {3, 8 * 64}})) << "now both fit";
}

TEST(Scheduler, NobodyGivesUpAPlaceForAHigherPriorityThatLacksPages) {
    Scheduler scheduler({.step_tokens = 1000, .sequences = 2, .pages = 10});
    add_one_that_lacks_pages(scheduler);
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 1}}));
    scheduler.remove(1);
    scheduler.append(2, 9);
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 1}, {3, 8 * 64}}));
}

// Three of the four pages of the second are the first's, too.
TEST(Scheduler, PagesThatOthersShareMakeNoRoom) {
    Scheduler scheduler({.step_tokens = 1000, .sequences = 8, .pages = 10});
    Tokens beginning = tokens_of(3 * 64);
    scheduler.add({.id = 1, .tokens = joined(beginning, tokens_of(64, 1000)), .from = 4 * 64 - 1, .priority = 1});
    run(scheduler);
    scheduler.add({.id = 2, .tokens = joined(beginning, {7}), .from = 3 * 64});
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 1}}));
    ASSERT_EQ(scheduler.pool().available(), 5);
    scheduler.add(with_priority(generate(3, 6 * 64), 1));  // of six, one may be needed by the first
    scheduler.append(2, 9);
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 1}}));
    EXPECT_EQ(scheduler.waiting(), 1);
    scheduler.remove(3);
    scheduler.add(with_priority(generate(4, 5 * 64), 1));
    EXPECT_EQ(counts(run(scheduler)), (Counts{{4, 5 * 64}})) << "its own page is the fifth";
}

TEST(Scheduler, OnlyAsManyAsNecessaryMakeRoom) {
    Scheduler scheduler({.step_tokens = 1000, .sequences = 8, .pages = 10});
    for (int64_t id : {1, 2, 3}) scheduler.add(generate(id, 3 * 64 - 1));
    EXPECT_EQ(run(scheduler).sequences.size(), 2u);
    scheduler.add(with_priority(generate(4, 4 * 64), 1));
    EXPECT_EQ(counts(run(scheduler)), (Counts{{4, 4 * 64}}));
    EXPECT_EQ(scheduler.running(), 2);
}

TEST(Scheduler, HigherPrioritiesAreAdmittedAndRunFirst) {
    Scheduler scheduler({.step_tokens = 100, .sequences = 2, .pages = 100});
    for (int64_t id : {1, 2, 3}) {
        Job job = generate(id, 90);
        job.priority = static_cast<int>(id);
        scheduler.add(job);
    }
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 10}, {3, 90}}));
    EXPECT_EQ(scheduler.waiting(), 1);
    scheduler.remove(3);
    EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 20}, {2, 80}}));
}

TEST(Scheduler, AJobThatNeedsLessDoesNotOvertake) {
    Scheduler scheduler({.step_tokens = 1000, .sequences = 8, .pages = 10});
    scheduler.add(generate(1, 5 * 64));
    scheduler.add(generate(2, 6 * 64));
    scheduler.add(generate(3, 1));
    EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 5 * 64}}));
    EXPECT_EQ(scheduler.waiting(), 2);
    scheduler.remove(1);
    EXPECT_EQ(counts(run(scheduler)), (Counts{{2, 6 * 64}, {3, 1}}));
}

TEST(Scheduler, PagesOfAdmittedPromptsArePromised) {
    Scheduler scheduler({.step_tokens = 64, .sequences = 8, .pages = 10});
    scheduler.add(generate(1, 6 * 64));
    scheduler.add(generate(2, 4 * 64));
    EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 64}})) << "9 pages are available, but 6 are for the first prompt";
    scheduler.add(generate(3, 3 * 64));
    run_until_computed(scheduler);
    EXPECT_EQ(scheduler.running(), 1);
}

TEST(Scheduler, EqualSharesExceptWhatOthersCannotUse) {
    Scheduler scheduler({.step_tokens = 101, .sequences = 8, .pages = 100});
    scheduler.add(generate(1, 500));
    scheduler.add(generate(2, 1));
    scheduler.add(generate(3, 500));
    EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 50}, {2, 1}, {3, 50}}));
    EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 51}, {3, 50}}));
    EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 50}, {3, 51}})) << "the odd token goes round";
}

TEST(Scheduler, MoreSequencesThanTokensTakeTurns) {
    Scheduler scheduler({.step_tokens = 2, .sequences = 5, .pages = 100});
    for (int64_t id : {1, 2, 3, 4, 5}) scheduler.add(generate(id, 100));
    Counts total;
    for (int i = 0; i < 50; ++i)
        for (auto [id, n] : counts(run(scheduler))) total[id] += n;
    EXPECT_EQ(total, (Counts{{1, 20}, {2, 20}, {3, 20}, {4, 20}, {5, 20}}));
}

TEST(Scheduler, ShortRequestsThatKeepComingDoNotStopALongOne) {
    Scheduler scheduler({.step_tokens = 1, .sequences = 4, .pages = 100});
    scheduler.add(generate(0, 100));
    int64_t next = 1, computed = 0;
    for (int i = 0; i < 100; ++i) {
        while (scheduler.waiting() + scheduler.running() < 6) scheduler.add(generate(next++, 1));
        for (auto [id, n] : counts(run(scheduler)))
            if (id == 0)
                computed += n;
            else
                scheduler.remove(id);
    }
    EXPECT_EQ(computed, 25);
}

TEST(Scheduler, AFailedStepIsRunAgain) {
    Scheduler scheduler(roomy);
    scheduler.add(generate(1, 700));
    scheduler.add(generate(2, 700));
    Step failed = scheduler.next();
    EXPECT_EQ(scheduler.next(), failed);
    run(scheduler);
    EXPECT_NE(scheduler.next(), failed);
}

TEST(Scheduler, TheLastAdmittedGivesUpItsPagesAndIsComputedAgain) {
    Scheduler scheduler({.step_tokens = 512, .sequences = 8, .pages = 5});
    scheduler.add(generate(1, 127));
    scheduler.add(generate(2, 64));
    for (int i = 0; i < 65; ++i) {
        EXPECT_EQ(run(scheduler).sequences.size(), 2u) << i;
        for (int64_t id : {1, 2}) scheduler.append(id, 9);
    }
    EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 1}})) << "with 191 and 128 tokens, the second needs a sixth page";
    EXPECT_EQ(scheduler.waiting(), 1);
    scheduler.append(1, 9);
    EXPECT_EQ(counts(run(scheduler)), (Counts{{1, 1}})) << "its 193rd token takes a page of the second";
    scheduler.remove(1);
    Step again = run(scheduler);
    EXPECT_EQ(counts(again), (Counts{{2, 65}})) << "all but the page that was still there";
    EXPECT_EQ(again.sequences[0].rows, 1) << "of the token that was appended last";
    EXPECT_EQ(scheduler.reused(2), 0) << "of the prompt";
}

TEST(Scheduler, ReturnedRowsAreNotWantedAgain) {
    Scheduler scheduler({.step_tokens = 2, .sequences = 8, .pages = 4});
    Job growing = generate(1, 63), text{.id = 2, .tokens = tokens_of(128), .wanted = Wanted::hidden};
    growing.priority = 1;
    scheduler.add(growing);
    while (run(scheduler).sequences[0].rows == 0) continue;
    scheduler.add(text);
    Tokens positions;  // of the text's rows
    auto step = [&] {
        for (const StepSequence& s : run(scheduler).sequences) {
            int32_t stop = static_cast<int32_t>(s.past) + static_cast<int32_t>(s.tokens.size());
            for (int32_t row = stop - static_cast<int32_t>(s.rows); s.request == 2 && row < stop; ++row)
                positions.push_back(row);
        }
    };
    do {
        scheduler.append(1, 9);
        step();
    } while (scheduler.waiting() == 0);
    EXPECT_EQ(positions, tokens_of(65));
    scheduler.remove(1);
    for (int i = 0; i < 64; ++i) step();
    EXPECT_EQ(positions, tokens_of(128));
}

TEST(Scheduler, RemovedRequestsReturnTheirPages) {
    Scheduler scheduler({.step_tokens = 512, .sequences = 1, .pages = 10});
    scheduler.add(generate(1, 100));
    scheduler.add(generate(2, 100));
    run(scheduler);
    EXPECT_EQ(scheduler.pool().available(), 8);
    for (int64_t id : {2, 1, 1, 3}) scheduler.remove(id);
    EXPECT_TRUE(scheduler.idle());
    EXPECT_EQ(scheduler.pool().available(), 10);
    EXPECT_EQ(scheduler.reused(1), 0);
    EXPECT_EQ(scheduler.next(), Step{});
}

TEST(Scheduler, ImpossibleJobsAndStepsAreBugs) {
    EXPECT_THROW(Scheduler({.step_tokens = 0, .sequences = 1, .pages = 1}), Bug);
    Scheduler scheduler({.step_tokens = 10, .sequences = 1, .pages = 2});
    EXPECT_THROW(scheduler.add({.id = 1}), Bug) << "no tokens";
    EXPECT_THROW(scheduler.add({.id = 1, .tokens = {1}, .from = 1}), Bug) << "no row";
    EXPECT_THROW(scheduler.add({.id = 1, .tokens = {1}, .wanted = Wanted::scores}), Bug) << "no target";
    EXPECT_THROW(scheduler.add(generate(1, 129)), Bug) << "too long";
    EXPECT_TRUE(scheduler.idle());

    scheduler.add(generate(1, 128));
    EXPECT_THROW(scheduler.add(generate(1, 1)), Bug) << "the same id";
    EXPECT_EQ(scheduler.waiting(), 1);
    EXPECT_THROW(scheduler.append(1, 0), Bug) << "does not fit";
    EXPECT_THROW(scheduler.append(2, 0), Bug) << "unknown";
    Step step = run(scheduler);
    EXPECT_THROW(scheduler.complete(step), Bug) << "completed twice";
}

}  // namespace
}  // namespace puna
