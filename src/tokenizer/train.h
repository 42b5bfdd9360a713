// tokenizer/train.h — learns a byte-level BPE vocabulary from text.
//
//   PieceCounter counter;
//   for (std::string_view text : texts) counter.add(text);              // on all cores; keeps each piece once
//   Tokenizer tokenizer = train_tokenizer(counter, {.vocabulary = 4096});
//
// Ids 0 to 255 are the bytes; then, one token a step, the two neighbors that stand together most often become one, of
// equally many those with the lower left id, then the lower right id; the control tokens come last. The result is a
// function of the texts only: not of the number of threads, nor of the order of the texts.
// Source: Sennrich et al., "Neural machine translation of rare words with subword units", 2016.
#pragma once
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace puna {

struct TrainOptions {
    int64_t vocabulary = 8192;
    int control_tokens = 16;
};
template <class F>
void fields(TrainOptions& o, F field) {
    field("vocabulary", o.vocabulary, "number of tokens, bytes and control tokens included");
    field("control_tokens", o.control_tokens, "how many of them are control tokens, with the names of Llama 3.1");
}

// How often each piece occurs. A text is split as one; what stands in different texts never makes a token together.
class PieceCounter {
 public:
    void add(std::string_view text);

    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view piece) const { return hash_bytes(piece); }
    };
    using Counts = std::unordered_map<std::string, int64_t, Hash, std::equal_to<>>;
    const Counts& counts() const { return counts_; }

 private:
    Counts counts_;
};

// Throws Error if the options contradict each other or the texts have too few pairs for so many tokens.
Tokenizer train_tokenizer(const PieceCounter& counter, const TrainOptions& options);

}  // namespace puna
