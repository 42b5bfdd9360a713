// The memory that a model takes with a full KV cache, beside what was planned, as one JSON object: for
// tests/memory_accuracy.py.
//
//   memory_peak MODEL CONTEXT f32|bf16
//
// As the engine runs it: the tokenizer, the weights, and one step of as many tokens as an engine computes at once. Each
// is the first of its own page of the cache, all of whose bytes are written: the whole cache is used, without computing
// attention over it.
#include "core/json_text.h"
#include "core/system_memory.h"
#include "infer/memory_plan.h"
#include "infer/runner.h"
#include "model/load.h"

#include <fmt/core.h>

#include <cstring>
#include <fstream>
#include <string>

namespace puna {
namespace {

// VmHWM: the most that was resident.
int64_t peak_memory() {
    std::ifstream file("/proc/self/status");
    for (std::string word; file >> word;)
        if (int64_t kilobytes = 0; word == "VmHWM:" && file >> kilobytes) return kilobytes * 1024;
    return 0;
}

Step step_on(int64_t first_page, int64_t pages) {
    Step step;
    for (int64_t page = first_page; page < first_page + pages; ++page)
        step.sequences.push_back({.request = page, .tokens = {5}, .pages = {static_cast<int32_t>(page)}, .rows = 0});
    step.sequences.back().rows = 1;
    return step;
}

void run(const char* path, int64_t context, Dtype cache_type) {
    const Kernels& kernels = choose_kernels();
    std::shared_ptr<ModelSource> source = open_model(path);
    EngineOptions options{.context = context, .cache_type = cache_type};
    Config config = source->config();
    MemoryPlan plan = plan_memory(kernels, config, held_weights(kernels, *source, {}), options, available_memory());
    int64_t before = resident_memory();
    Tokenizer tokenizer = source->tokenizer();
    int64_t of_tokenizer = resident_memory() - before;
    Llama llama = load_llama(kernels, source, {});
    llama.set_context(context);
    llama.packing_room = plan.packed;
    int64_t pages = cache_pages(config, options), at_once = options.step_tokens;
    StepRunner runner(std::move(llama), pages, cache_type);
    runner.poison_new_pages();
    for (int64_t page = 0; page < pages; page += at_once) runner.run(step_on(page, std::min(at_once, pages - page)));
    Step whole = step_on(0, 1);  // the activations of the largest step
    whole.sequences[0].tokens.assign(static_cast<size_t>(at_once), 5);
    whole.sequences[0].pages.clear();
    for (int32_t page = 0; page < pages_for(at_once); ++page) whole.sequences[0].pages.push_back(page);
    if (pages < at_once) runner.run(whole);
    fmt::print("{}\n", JsonObject{{"context", plan.context},
                                  {"cache_type", info(cache_type).name},
                                  {"weights", plan.weights + plan.mapped},
                                  {"cache", plan.cache},
                                  {"activations", plan.activations},
                                  {"planned", plan.total()},
                                  {"peak", peak_memory()},
                                  {"before", before},
                                  {"tokenizer", of_tokenizer},
                                  {"arena", runner.arena_bytes()}}
                           .text());
}

}  // namespace
}  // namespace puna

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    try {
        puna::run(argv[1], std::atoll(argv[2]),
                  std::strcmp(argv[3], "bf16") == 0 ? puna::Dtype::bf16 : puna::Dtype::f32);
        return 0;
    } catch (const puna::Error& problem) {
        fmt::print(stderr, "memory_peak: {}\n", problem.what());
        return 1;
    }
}
