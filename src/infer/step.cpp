#include "infer/step.h"

#include <utility>

#include "core/error.h"

namespace puna {

namespace {

// 64-bit numbers are two words, the low one first; a list is its length and its elements.
class StepWriter {
 public:
    void word(int32_t value) { words_.push_back(value); }
    void number(int64_t value) {
        word(static_cast<int32_t>(static_cast<uint32_t>(value)));
        word(static_cast<int32_t>(value >> 32));
    }
    void list(const std::vector<int32_t>& values) {
        number(static_cast<int64_t>(values.size()));
        words_.insert(words_.end(), values.begin(), values.end());
    }
    std::vector<int32_t> take() { return std::move(words_); }

 private:
    std::vector<int32_t> words_;
};

class StepReader {
 public:
    explicit StepReader(std::span<const int32_t> words) : words_(words) {}

    int32_t word() { return next(1)[0]; }
    int64_t number() {
        std::span<const int32_t> halves = next(2);
        return static_cast<int64_t>(halves[1]) << 32 | static_cast<uint32_t>(halves[0]);
    }
    std::vector<int32_t> list() {
        std::span<const int32_t> values = next(number());
        return {values.begin(), values.end()};
    }
    bool done() const { return words_.empty(); }

 private:
    std::span<const int32_t> next(int64_t n) {
        check(n >= 0 && std::cmp_less_equal(n, words_.size()), "step: {} words of {}", n, words_.size());
        std::span<const int32_t> first = words_.first(static_cast<size_t>(n));
        words_ = words_.subspan(first.size());
        return first;
    }

    std::span<const int32_t> words_;
};

Wanted wanted_of(int32_t word) {
    check(word >= 0 && word <= static_cast<int32_t>(Wanted::hidden), "step: wanted is {}", word);
    return static_cast<Wanted>(word);
}

void write(StepWriter& writer, const StepSequence& sequence) {
    writer.number(sequence.request);
    writer.number(sequence.past);
    writer.list(sequence.tokens);
    writer.list(sequence.pages);
    writer.word(sequence.adapter);
    writer.word(static_cast<int32_t>(sequence.wanted));
    writer.number(sequence.rows);
    writer.list(sequence.targets);
}

StepSequence read_sequence(StepReader& reader) {
    StepSequence sequence;
    sequence.request = reader.number();
    sequence.past = reader.number();
    sequence.tokens = reader.list();
    sequence.pages = reader.list();
    sequence.adapter = reader.word();
    sequence.wanted = wanted_of(reader.word());
    sequence.rows = reader.number();
    sequence.targets = reader.list();
    return sequence;
}

}  // namespace

std::vector<int32_t> encode(const Step& step) {
    StepWriter writer;
    writer.number(static_cast<int64_t>(step.sequences.size()));
    for (const StepSequence& sequence : step.sequences) write(writer, sequence);
    return writer.take();
}

Step decode_step(std::span<const int32_t> words) {
    Step step;
    StepReader reader(words);
    for (int64_t n = reader.number(); n > 0; --n) step.sequences.push_back(read_sequence(reader));
    check(reader.done(), "step: words after the last sequence");
    return step;
}

}  // namespace puna
