// infer/runner.h — runs the steps of an engine: a model, its KV cache, and the results that a step wants.
//
//   StepRunner runner(std::move(llama), pages, Dtype::f32);
//   runner.run(step);
//   std::span<float> logits = runner.values(0);          // of the step's first sequence
//
// In a group of processes each has a runner and runs the same steps.
#pragma once
#include "core/mapped_file.h"
#include "infer/step.h"
#include "model/llama.h"
#include "nn/pass.h"

#include <span>
#include <vector>

namespace puna {

class StepRunner {
 public:
    StepRunner(Llama llama, int64_t pages, Dtype cache_type);

    void run(const Step& step);

    // After a step: throws Error if a file that weights are views of has changed. Its results are wrong then, as would
    // be those of all further steps.
    void check_files() const { files_.check_unchanged(); }

    // Memory that the steps so far needed at most: of their results, and of the activations.
    size_t result_bytes() const { return results_.capacity() * sizeof(float); }
    size_t arena_bytes() const { return pass_.arena.high_water(); }

    // Of a sequence of the last step, valid until the next one; the caller may change them.
    std::span<float> values(size_t sequence);  // wanted rows: [rows, vocabulary], [rows] or [rows, dim]
    std::span<float> logits(size_t sequence);  // of Wanted::scores_and_logits: [rows, vocabulary]

    // For tests: pages are NaN before they are written.
    void poison_new_pages() { poisons_ = true; }

    Llama& llama() { return llama_; }
    const Llama& llama() const { return llama_; }

 private:
    struct Result {
        size_t values = 0, values_end = 0, logits = 0, logits_end = 0;  // in results_
    };
    Batch batch_of(const Step& step);
    void poison(const StepSequence& sequence);
    void reserve_results(const Step& step);
    void append(Tensor values);
    void last_logits(const Step& step, Value x);
    void scores(const StepSequence& sequence, int64_t first, Value x, Result& result);
    void hidden(int64_t first, int64_t rows, Value x);

    Llama llama_;
    MappingWatch files_;  // of its weights
    KvCache cache_;
    Pass pass_;
    bool poisons_ = false;
    std::vector<Result> of_sequence_;
    std::vector<float> results_;  // as large as the largest step's
};

}  // namespace puna
