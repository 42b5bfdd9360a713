// eval/text.h — how well a model predicts a text: perplexity, bits per byte, and how far it is from another model.
//
//   TextScore score = score_text(engine, text);
//   TextScore beside = compare_on_text(engine, reference, text);        // also divergence and top1_agreement
//
// A text with lines that are exactly <|endoftext|> is several documents; those lines and the line end before each are
// not part of any. Each document begins with <|begin_of_text|>. One longer than the context is cut into windows that do
// not overlap, each again after <|begin_of_text|>: every token is predicted once, from what its window shows of the
// past. Tokens and bytes are those of the documents alone: neither beginnings nor ends are predicted or counted.
#pragma once
#include "infer/engine.h"

#include <string_view>
#include <vector>

namespace puna {

struct TextScore {
    int64_t documents = 0, tokens = 0, bytes = 0;
    double nats = 0;            // -log of the probability of all tokens
    double divergence = 0;      // Kullback-Leibler, from the reference to the model, in nats, mean over tokens
    double top1_agreement = 0;  // share of the tokens where both find the same one likeliest
    double perplexity() const;  // per token
    double bits_per_byte() const;
};

std::vector<std::string_view> split_documents(std::string_view text);  // without empty ones

// Both throw Error for a text without a document and for logits that are not numbers; compare_on_text also where the
// two models' tokenizers differ.
TextScore score_text(Engine& engine, std::string_view text);
TextScore compare_on_text(Engine& engine, Engine& reference, std::string_view text);

}  // namespace puna
