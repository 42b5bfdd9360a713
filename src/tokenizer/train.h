// tokenizer/train.h — trains a byte-level BPE tokenizer on text.
//
//   PieceCounter counter;
//   for (std::string_view text : texts) counter.add(text);              // on all cores; stores distinct pieces
//   Tokenizer tokenizer = train_tokenizer(counter, {.vocabulary = 4096});
//
// Ids 0 to 255 are the bytes; then each step merges the most frequent pair of adjacent tokens, ties broken by the lower
// left id, then the lower right id; control tokens come last. The result depends on the texts only, not on the number
// of threads or the order of the texts. Source: Sennrich et al., "Neural machine translation of rare words with subword
// units", 2016.
#pragma once
#include "core/hash.h"
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
    field("vocabulary", o.vocabulary, "vocabulary size, including bytes and control tokens", {.min = 256});
    field("control_tokens", o.control_tokens, "number of control tokens, named as in Llama 3.1", {.min = 0});
}

// Counts pieces. Each text is split separately, so tokens never span two texts.
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

// Throws Error if the options contradict each other or the texts have too few distinct pairs for the vocabulary size.
Tokenizer train_tokenizer(const PieceCounter& counter, const TrainOptions& options);

}  // namespace puna
