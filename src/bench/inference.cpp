#include "bench/bench.h"

#include "bench/random_model.h"
#include "core/fields.h"
#include "core/random.h"
#include "core/system_memory.h"
#include "core/threads.h"
#include "infer/memory_plan.h"
#include "kernels/host_copy.h"
#include "model/load.h"

#include <algorithm>
#include <numeric>

namespace puna {

namespace {

struct Work {
    std::string_view name;
    int64_t sequences, tokens;  // new tokens of each sequence in a step
    int64_t past;               // tokens of each in the cache before it
};

// The parameters that a token is multiplied by; the output matrix where its logits are wanted.
struct Multiplied {
    int64_t layers, output;
};

Multiplied multiplied_parameters(const Config& c) {
    Multiplied count{0, 0};
    for (const WeightInfo& weight : list_weights(c)) {
        bool looked_up = weight.is_vector() || weight.kind == WeightKind::embedding;
        if (!looked_up) (weight.kind == WeightKind::output ? count.output : count.layers) += weight.count();
    }
    return count;
}

// Bytes of the weights that a step reads.
double weight_bytes(Llama& llama) {
    int64_t bytes = 0;
    for (Param* p : llama.params())
        if (p->weight.rank == 2 && p != &llama.tok_embeddings) bytes += p->weight.bytes();
    return static_cast<double>(bytes);
}

double cache_bytes(const Config& c, const Work& work) {
    return 2.0 * static_cast<double>(c.layers * c.kv_dim() * (work.past + work.tokens) * work.sequences) *
           sizeof(float);
}

// The least seconds of a step: for its operations or for reading its bytes, whichever takes longer.
double limit_seconds(Llama& llama, const Work& work, const Kernels& kernels, Dtype type) {
    Multiplied p = multiplied_parameters(llama.config);
    double rows = static_cast<double>(work.sequences * work.tokens), outputs = static_cast<double>(work.sequences);
    double operations = 2 * (rows * static_cast<double>(p.layers) + outputs * static_cast<double>(p.output));
    double bytes = weight_bytes(llama) + cache_bytes(llama.config, work);
    return std::max(operations / (measure_peak(kernels, type) * 1e9), bytes / (measure_read(kernels) * 1e9));
}

Batch batch_of_work(const Work& work, KvCache& cache, const Config& config) {
    Random random(3);
    Batch batch{.cache = &cache};
    for (int64_t s = 0; s < work.sequences; ++s) {
        int64_t tokens = work.past + work.tokens;
        batch.sequences.push_back({.first = batch.rows(),
                                   .n = work.tokens,
                                   .past = work.past,
                                   .pages = consecutive_pages(s * pages_for(tokens), tokens)});
        for (int64_t t = 0; t < work.tokens; ++t)
            batch.tokens.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(config.vocabulary))));
    }
    return batch;
}

// One step, until the logits of every sequence's last token are on the host; returns tokens per second.
double run_step(Llama& llama, Pass& pass, const Batch& batch) {
    double start = seconds_now();
    std::vector<int64_t> rows;
    for (const Sequence& s : batch.sequences) rows.push_back(s.first + s.n - 1);
    pass.begin(batch);
    HostCopy(llama.kernels, pass.stream, llama.logits(pass, llama.forward(pass), rows)).download();
    return static_cast<double>(batch.rows()) / (seconds_now() - start);
}

// Refuses what does not fit before anything is made.
MemoryPlan plan_of(const Kernels& kernels, const BenchModel& model, const Work& work) {
    int64_t context = work.past > 0 ? work.past : work.tokens,
            most = model.config.context - (work.past > 0 ? work.tokens : 0);
    if (context > most)
        fail_value("context", "{} is more than {} has room for: use at most {}", context, model.name, most);
    MemoryPlan plan = plan_memory(
        kernels, model.config, model.weights,
        {.context = work.past + work.tokens, .sequences = work.sequences, .step_tokens = work.sequences * work.tokens},
        available_memory());
    if (!plan.fits())
        fail(ErrorKind::out_of_memory, "{}{}: {}: use a smaller model, fewer layers or sequences, or a smaller context",
             model.name, model.type ? fmt::format(" in {}", info(*model.type).name) : "", describe(plan));
    return plan;
}

std::vector<BenchRow> bench_step(const BenchOptions& options, const Work& work) {
    const Kernels& kernels = choose_kernels();
    BenchModel model = choose_bench_model(kernels, options);
    MemoryPlan plan = plan_of(kernels, model, work);
    Llama llama = make_bench_model(kernels, model);
    Dtype type = llama.layers[0].wq.weight.weight.dtype;
    llama.packing_room = plan.packed;
    KvCache cache = llama.make_cache(work.sequences * pages_for(work.past + work.tokens));
    // Small equal numbers: what the cache holds does not matter, but that it is in memory.
    for (int32_t page = 0; page < cache.pages(); ++page) cache.fill(page, std::byte{0x3c});
    Pass pass(kernels);
    Batch batch = batch_of_work(work, cache, llama.config);
    llama.pack_all();
    run_step(llama, pass, batch);          // touches all memory
    int64_t resident = resident_memory();  // without that of the measurements
    double tokens = static_cast<double>(work.sequences * work.tokens);
    auto limit = [&] { return tokens / limit_seconds(llama, work, kernels, type); };
    Measured m = measure(options.repetitions, limit, [&] { return run_step(llama, pass, batch); });
    std::string shape = fmt::format("{}, {} x {} tokens after {}", model.name, work.sequences, work.tokens, work.past);
    BenchRow row = measured_row(std::string(work.name), shape, std::string(info(type).name), "tokens/s", m);
    row.resident = resident;
    return {row};
}

}  // namespace

std::vector<BenchRow> bench_prefill(const BenchOptions& options) {
    int64_t context = options.context > 0 ? options.context : 512;
    return bench_step(options, {"prefill", std::max<int64_t>(options.sequences, 1), context, 0});
}

std::vector<BenchRow> bench_decode(const BenchOptions& options) {
    int64_t context = options.context > 0 ? options.context : 128;
    return bench_step(options, {"decode", std::max<int64_t>(options.sequences, 1), 1, context});
}

std::vector<BenchRow> bench_batch(const BenchOptions& options) {
    int64_t context = options.context > 0 ? options.context : 128;
    return bench_step(options, {"batch", options.sequences > 0 ? options.sequences : 16, 1, context});
}

}  // namespace puna
