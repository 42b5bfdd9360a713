// What fails in a step of the engine ends the requests of that step with its message, and the engine goes on: one
// failure at every call of a kernel, every allocation of device memory and every allocation of the engine's thread, or
// failures of all of them from there on.
#include "core/threads.h"
#include "faults.h"
#include "infer/engine.h"
#include "infer/fake_model.h"
#include "infer/test_answer.h"
#include "kernels/testing/wrapped.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>

namespace puna {
namespace {

constexpr std::chrono::seconds limit(60);  // for anything to happen

// Stops the engine's thread at its first kernel, so that further requests arrive in the same step of each run.
class Gate {
 public:
    void close() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        reached_ = false;
    }
    bool wait_until_reached() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [this] { return reached_; });
    }
    void open() {
        std::lock_guard lock(mutex_);
        closed_ = false;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock lock(mutex_);
        reached_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !closed_; });
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool closed_ = false, reached_ = false;
};
Gate gate;

struct FailingCall {
    static const Kernels& table() {
        static const Kernels& chosen = choose_kernels();
        return chosen;
    }
    FailingCall() {
        if (!is_test_thread) gate.pass();
        if (faults.happens(Place::kernel)) fail("injected into a kernel");
    }
};

// Of a device: what the host reads is copied by a kernel.
const Kernels& failing_kernels() {
    static const Kernels table = [] {
        Kernels kernels = wrapped_kernels<FailingCall>("failing");
        kernels.memory.host_access = false;
        kernels.memory.allocate = [](size_t bytes) {
            if (faults.happens(Place::device_memory)) fail(ErrorKind::out_of_memory, "out of memory: injected");
            return FailingCall::table().memory.allocate(bytes);
        };
        return kernels;
    }();
    return table;
}

struct FailingEngine : Engine {
    FailingEngine()
        : Engine(fake_llama(1, 192, failing_kernels()), fake_tokenizer(),
                 {.sequences = 2, .step_tokens = 48, .cache_tokens = 5 * page_tokens, .poison_new_pages = true}) {}
};

// Two run at once and outgrow the five pages, so that one gives up its own; the score finds a page.
std::vector<Request> mixed_requests() {
    std::vector<int32_t> text;
    for (int32_t i = 0; i < 126; ++i) text.push_back((i * 37) % 256);
    std::vector<int32_t> beginning(text.begin(), text.begin() + 75), other(text.rbegin(), text.rend());
    Request sampled{
        .tokens = text,
        .options = {.sample = {.temperature = 1, .top_p = 0.9f, .seed = 3}, .max_tokens = 7, .stop = {"zz"}},
        .logprobs = 2};
    Request masked{.tokens = other,
                   .options = {.sample = {.temperature = 0}, .max_tokens = 4},
                   .allowed = TokenMask(272, false),
                   .tenant = "another, with a name that needs memory"};
    for (char letter : std::string_view("abcd")) masked.allowed.allow(static_cast<size_t>(letter));
    Request scored{.task = Task::score, .tokens = beginning, .from = 70, .logits = true};
    Request embedded{.task = Task::embed, .tokens = beginning};
    return {sampled, masked, scored, embedded};
}

template <class Condition>
void wait_until(Condition holds) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) {
            ADD_FAILURE() << "the engine hangs";
            std::abort();  // nothing could be destroyed
        }
        std::this_thread::yield();
    }
}

Answer answer_of(Reply& reply) {
    do wait_until([&] { return reply.wait_for(limit); });
    while (reply.next());
    return reply.answer();
}

// before: called when all requests are submitted and the first one's first step has begun.
template <class Before>
std::vector<Answer> run_requests(Engine& engine, Before before) {
    std::vector<Reply> replies;
    gate.close();
    for (Request& request : mixed_requests()) {
        replies.push_back(engine.submit(std::move(request)));
        if (replies.size() == 1) wait_until([] { return gate.wait_until_reached(); });
    }
    before();
    gate.open();
    std::vector<Answer> answers;
    for (Reply& reply : replies) answers.push_back(answer_of(reply));
    return answers;
}

std::vector<Answer> run_undisturbed(Engine& engine) {
    return run_requests(engine, [] {});
}

void expect_no_leak(const Engine& engine) {
    wait_until([&] { return engine.status().running == 0 && engine.status().waiting == 0; });
    EXPECT_EQ(engine.status().available_pages, engine.status().pages);
}

void expect_failed(const Answer& answer, Place place) {
    if (place == Place::kernel) {
        EXPECT_EQ(answer.problem, "injected into a kernel");
    } else {
        EXPECT_THAT(answer.problem, testing::StartsWith("out of memory"));
        EXPECT_EQ(answer.kind, ErrorKind::out_of_memory);
    }
}

// Returns how many requests failed; -1: there was nothing left to fail.
int run_with_faults(Engine& engine, Place place, int64_t n, bool lasting, std::span<const Answer> expected) {
    std::vector<Answer> answers = run_requests(engine, [&] { faults.arm(place, n, lasting); });
    bool happened = faults.disarm();
    int failed = 0;
    for (size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].finish == Finish::failed) {
            expect_failed(answers[i], place);
            ++failed;
        } else {
            EXPECT_EQ(contents_of(answers[i]), contents_of(expected[i]));
        }
    }
    return happened ? failed : -1;
}

// Without memory for its copy in panels a matrix is used as it is: seven of each layer, and the output.
constexpr int max_unpacked = 2 * 7 + 1;

class EngineFaults : public testing::TestWithParam<bool> {
 protected:
    // Returns the number of places. Lasting failures begin at every fifth. max_failed: requests of each failure, which
    // are at least one, except for those failures that nobody needs to notice.
    int64_t fail_everywhere(Place place, int max_failed, int max_unnoticed) {
        int unnoticed = 0;
        FailingEngine undisturbed;
        std::vector<Answer> expected = run_undisturbed(undisturbed);
        for (int64_t n = 0;; n += lasting() ? 5 : 1) {
            SCOPED_TRACE(n);
            FailingEngine engine;
            int failed = run_with_faults(engine, place, n, lasting(), expected);
            if (failed < 0) return n;
            EXPECT_LE(failed, max_failed);
            unnoticed += failed == 0;
            EXPECT_LE(unnoticed, max_unnoticed) << "failures that ended no request";
            expect_no_leak(engine);
            std::vector<Answer> after = run_undisturbed(engine);
            for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(contents_of(after[i]), contents_of(expected[i]));
            expect_no_leak(engine);
            if (HasFailure()) return n;
        }
    }
    bool lasting() const { return GetParam(); }
};

TEST_P(EngineFaults, InKernelsEndTheRequestsOfTheStep) {
    int64_t places = fail_everywhere(Place::kernel, lasting() ? 4 : 2, 0);
    EXPECT_GT(places, 300);
}

TEST_P(EngineFaults, InDeviceMemoryEndTheRequestsOfTheStep) {
    int64_t places = fail_everywhere(Place::device_memory, lasting() ? 4 : 2, max_unpacked);
    EXPECT_GT(places, max_unpacked);  // and the arena
}

TEST_P(EngineFaults, InHostMemoryLeaveTheEngineUsable) {
    int64_t places = fail_everywhere(Place::host_memory, 4, max_unpacked);
    EXPECT_GT(places, 300);
}

std::string duration_name(const testing::TestParamInfo<bool>& lasting) { return lasting.param ? "Lasting" : "Once"; }
INSTANTIATE_TEST_SUITE_P(, EngineFaults, testing::Bool(), duration_name);

}  // namespace
}  // namespace puna

int main(int argc, char** argv) {
    puna::is_test_thread = true;
    puna::set_threads(1);
    testing::InitGoogleMock(&argc, argv);
    return RUN_ALL_TESTS();
}
