// infer/engine.h — a loaded model that answers: the only way to text, probabilities and embeddings.
//
//   Engine engine = load_engine("models/starter");                         // infer/load.h
//   Session session = engine.open();
//   auto on_text = [&](std::string_view text) { return show(text); };      // false cancels
//   Answer answer = engine.generate(session, prompt, {.max_tokens = 100}, on_text);
//   std::vector<float> log_p = engine.score(session, tokens, 1);           // of tokens[1], tokens[2], ...
//   std::vector<float> vector = engine.embed(session, tokens);
//
// Several answers at once: make a Generation of each and call step while one is not done; they may join and leave
// between steps. What a session gets does not depend, to the bit, on what runs beside it, on how its tokens came or on
// threads. For one thread; an engine neither moves nor copies.
#pragma once
#include "infer/generation.h"
#include "model/llama.h"
#include "nn/pass.h"
#include "tokenizer/tokenizer.h"

#include <functional>

namespace puna {

struct EngineOptions {
    int64_t context = 0;
    int slots = 1;              // sessions that can be open at once; each has memory for a whole context
    int64_t step_tokens = 512;  // of prompts, that one step runs
};

constexpr int64_t default_context = 8192;  // at most, where none is asked for: the cache of a whole one can be large

// After every step what was added, perhaps nothing; false cancels.
using OnText = std::function<bool(std::string_view text)>;
// logits: [rows, vocabulary], that predict tokens[first], tokens[first + 1], ...; they may be changed.
using OnLogits = std::function<void(int64_t first, Tensor logits)>;

class Engine {
 public:
    // Answers stop at the tokenizer's stop_ids and at `stops`, of generation_config.json; without any at config.json's.
    // The tokenizer may have more tokens than the model's embedding has rows, or fewer: what lacks a row is refused
    // when it is used, and what has no text is never sampled. Throws Error: a context beyond the model's.
    Engine(Llama llama, Tokenizer tokenizer, EngineOptions options = {}, SampleOptions defaults = {},
           std::vector<int32_t> stops = {});
    Engine(const Engine&) = delete;

    Session open();  // throws Error when all slots are taken

    // Throws as Generation, and Error when the model's logits are not numbers.
    Answer generate(Session& session, std::span<const int32_t> prompt, const GenerateOptions& options,
                    const OnText& on_text = {});
    void step(std::span<Generation* const> running);  // one token for each, or a piece of its prompt

    // Natural logarithms of the probabilities of tokens[from], ..., each given all before it. from >= 1.
    std::vector<float> score(Session& session, std::span<const int32_t> tokens, int64_t from,
                             const OnLogits& on_logits = {});

    // The mean of the tokens' vectors after the last norm, [dim], of length 1.
    std::vector<float> embed(Session& session, std::span<const int32_t> tokens);

    const Tokenizer& tokenizer() const { return tokenizer_; }
    const Config& config() const { return llama_.config; }
    int64_t context() const { return context_; }
    const SampleOptions& defaults() const { return defaults_; }  // what the model's makers advise
    bool is_stop(int32_t id) const;
    void add_stop(int32_t id) { stops_.push_back(id); }  // after which an answer is complete too
    void check_ids(std::span<const int32_t> ids) const;  // throws Error for ids that the embedding lacks
    std::span<const int32_t> without_text() const { return without_text_; }  // ids that are never sampled

 private:
    friend class Session;
    struct Piece {
        Session* session;
        int64_t n;  // of its pending tokens
    };
    std::vector<Piece> schedule(std::span<Generation* const> running) const;
    Value run(std::span<const Piece> pieces);  // [tokens, dim]
    static void advance(std::span<const Piece> pieces);
    void check_fits(std::span<const int32_t> tokens) const;
    void close(int slot) { taken_[static_cast<size_t>(slot)] = false; }

    const Kernels& kernels_;
    Llama llama_;
    Tokenizer tokenizer_;
    SampleOptions defaults_;
    std::vector<int32_t> stops_, without_text_;
    size_t sampled_;  // ids from here on have no text, or no row of the embedding
    int64_t context_, step_tokens_;
    std::vector<bool> taken_;  // by slot
    KvCache cache_;
    Pass pass_;
    Batch batch_;
};

}  // namespace puna
