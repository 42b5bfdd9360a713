// eval/text.h — evaluates a model on a text: perplexity, bits per byte, and KL divergence from a reference model.
//
//   TextScore score = score_text(engine, text);
//   TextScore compared = compare_on_text(engine, reference, text);        // adds divergence and top1_agreement
//
// Lines that equal <|endoftext|> separate documents; neither these lines nor the newline before each belong to a
// document. Each document begins with <|begin_of_text|>, or the model's bos_token. A document longer than the context
// is split into windows that do not overlap, each after <|begin_of_text|>: every token is predicted once, from the
// preceding tokens of its window. If the model's texts begin without such a token, a window begins with the last token
// of the one before, and the first token of a document is not predicted. Only predicted tokens and their bytes count;
// control tokens are neither predicted nor counted.
#pragma once
#include "infer/engine.h"

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace puna {

struct TextScore {
    int64_t documents = 0, tokens = 0, bytes = 0;
    double nats = 0;            // negative log-likelihood of all tokens
    double divergence = 0;      // KL(reference || model), in nats, mean over tokens
    double top1_agreement = 0;  // fraction of tokens with the same argmax
    double perplexity() const;  // per token
    double bits_per_byte() const;
};

std::vector<std::string_view> split_documents(std::string_view text);  // empty ones are dropped

// Called after each window with the bytes of its predicted tokens.
using OnScored = std::function<void(int64_t bytes)>;

// compare_on_text compares the predictions of the token ids that both models have, after a softmax over these.
// Both throw Error for a text without documents and for non-finite logits; compare_on_text also if the models'
// tokenizers differ.
TextScore score_text(Engine& engine, std::string_view text, const OnScored& on_scored = {});
TextScore compare_on_text(Engine& engine, Engine& reference, std::string_view text, const OnScored& on_scored = {});

}  // namespace puna
