#include "infer/runner.h"

#include "infer/request.h"
#include "kernels/host_copy.h"

#include <algorithm>
#include <numeric>

namespace puna {

namespace {

// For each wanted row.
int64_t returned_floats(Wanted wanted, const Config& c) {
    switch (wanted) {
        case Wanted::logits:
            return c.vocabulary;
        case Wanted::scores:
            return 1;
        case Wanted::scores_and_logits:
            return c.vocabulary + 1;
        case Wanted::hidden:
            return c.dim;
    }
    return 0;
}

}  // namespace

StepRunner::StepRunner(Llama llama, int64_t pages, Dtype cache_type)
    : llama_(std::move(llama)), cache_(llama_.make_cache(pages, cache_type)), pass_(llama_.kernels) {
    for (const Param* param : llama_.params()) files_.add(param->weight.data);
}

Batch StepRunner::batch_of(const Step& step) {
    Batch batch{.cache = &cache_};
    for (const StepSequence& s : step.sequences) {
        int64_t n = static_cast<int64_t>(s.tokens.size());
        batch.sequences.push_back(
            {.first = batch.rows(), .n = n, .past = s.past, .pages = s.pages, .adapter = s.adapter});
        batch.tokens.insert(batch.tokens.end(), s.tokens.begin(), s.tokens.end());
    }
    return batch;
}

void StepRunner::poison(const StepSequence& sequence) {
    size_t begun = static_cast<size_t>(pages_for(sequence.past)),
           end = static_cast<size_t>(pages_for(sequence.past + static_cast<int64_t>(sequence.tokens.size())));
    for (size_t i = begun; i < end; ++i) cache_.fill(sequence.pages[i], std::byte{0xff});
}

// What the step returns and no more, after the old memory is freed: a growing vector needs up to three times as much.
void StepRunner::reserve_results(const Step& step) {
    results_.clear();
    int64_t n = 0;
    for (const StepSequence& s : step.sequences) n += s.rows * returned_floats(s.wanted, llama_.config);
    if (static_cast<size_t>(n) <= results_.capacity()) return;
    results_ = std::vector<float>();
    results_.reserve(static_cast<size_t>(n));
}

// Adds values of the device to the results.
void StepRunner::append(Tensor values) {
    HostCopy copy(llama_.kernels, pass_.stream, values);
    std::span<float> all = copy.download().span<float>();
    results_.insert(results_.end(), all.begin(), all.end());
}

// Of all sequences that want the logits of their last row.
void StepRunner::last_logits(const Step& step, Value x) {
    std::vector<int64_t> rows;
    std::vector<Result*> wanting;
    for (size_t i = 0; i < step.sequences.size(); ++i) {
        const Sequence& sequence = pass_.batch().sequences[i];
        if (step.sequences[i].wanted != Wanted::logits || step.sequences[i].rows == 0) continue;
        check(step.sequences[i].rows == 1, "logits of {} rows", step.sequences[i].rows);
        rows.push_back(sequence.first + sequence.n - 1);
        wanting.push_back(&of_sequence_[i]);
    }
    size_t vocabulary = static_cast<size_t>(llama_.config.vocabulary);
    for (size_t at = 0; at < rows.size(); at += max_logit_rows) {
        size_t n = std::min<size_t>(max_logit_rows, rows.size() - at);
        Arena::Mark mark = pass_.arena.mark();
        for (size_t i = 0; i < n; ++i)
            *wanting[at + i] = {results_.size() + i * vocabulary, results_.size() + (i + 1) * vocabulary};
        append(llama_.logits(pass_, x, std::span(rows).subspan(at, n)));
        pass_.arena.rewind(mark);
    }
}

// first: the row of the first wanted token.
void StepRunner::scores(const StepSequence& sequence, int64_t first, Value x, Result& result) {
    const Kernels& kernels = llama_.kernels;
    std::vector<float> log_p;
    result.logits = results_.size();
    for (int64_t at = 0; at < sequence.rows; at += max_logit_rows) {
        Arena::Mark mark = pass_.arena.mark();
        std::vector<int64_t> rows(static_cast<size_t>(std::min(max_logit_rows, sequence.rows - at)));
        std::iota(rows.begin(), rows.end(), first + at);
        int64_t n = static_cast<int64_t>(rows.size());
        Tensor logits = llama_.logits(pass_, x, rows), loss = pass_.arena.tensor(Dtype::f32, {n}),
               targets = pass_.arena.tensor(Dtype::i32, {n});
        kernels.copy(pass_.stream, targets.data, &sequence.targets[static_cast<size_t>(at)],
                     static_cast<size_t>(targets.bytes()));
        kernels.cross_entropy(pass_.stream, loss, logits, targets);
        HostCopy losses(kernels, pass_.stream, loss);
        for (float nats : losses.download().span<float>()) log_p.push_back(-nats);
        if (sequence.wanted == Wanted::scores_and_logits) append(logits);
        pass_.arena.rewind(mark);
    }
    result.logits_end = result.values = results_.size();
    results_.insert(results_.end(), log_p.begin(), log_p.end());
    result.values_end = results_.size();
}

void StepRunner::hidden(int64_t first, int64_t rows, Value x) {
    Arena::Mark mark = pass_.arena.mark();
    Value wanted{x.data.slice(first, rows)};
    append(rms_norm(pass_, wanted, llama_.norm, static_cast<float>(llama_.config.norm_epsilon)).data);
    pass_.arena.rewind(mark);
}

void StepRunner::run(const Step& step) {
    reserve_results(step);
    of_sequence_.assign(step.sequences.size(), {});
    if (poisons_)
        for (const StepSequence& sequence : step.sequences) poison(sequence);
    pass_.begin(batch_of(step));
    Value x = llama_.forward(pass_);
    last_logits(step, x);
    for (size_t i = 0; i < step.sequences.size(); ++i) {
        const StepSequence& sequence = step.sequences[i];
        if (sequence.rows == 0 || sequence.wanted == Wanted::logits) continue;
        const Sequence& place = pass_.batch().sequences[i];
        int64_t first = place.first + place.n - sequence.rows;
        Result& result = of_sequence_[i];
        if (sequence.wanted != Wanted::hidden) {
            scores(sequence, first, x, result);
            continue;
        }
        result.values = results_.size();
        hidden(first, sequence.rows, x);
        result.values_end = results_.size();
    }
}

std::span<float> StepRunner::values(size_t sequence) {
    const Result& result = of_sequence_[sequence];
    return {results_.data() + result.values, result.values_end - result.values};
}

std::span<float> StepRunner::logits(size_t sequence) {
    const Result& result = of_sequence_[sequence];
    return {results_.data() + result.logits, result.logits_end - result.logits};
}

}  // namespace puna
