// infer/engine.h — inference with a loaded model: text generation, log probabilities and embeddings.
//
//   Engine engine = load_engine("models/starter");                         // infer/load.h
//   Session session = engine.open();
//   auto on_text = [&](std::string_view text) { return show(text); };      // false cancels
//   Answer answer = engine.generate(session, prompt, {.max_tokens = 100}, on_text);
//   std::vector<float> log_p = engine.score(session, tokens, 1);           // of tokens[1], tokens[2], ...
//   std::vector<float> vector = engine.embed(session, tokens);
//
// Continuous batching: create a Generation per answer and call step until all are done; they may join and leave between
// steps. Results are bit-identical whatever else is in the batch, however the prompt is split into chunks, and on any
// number of threads. Not thread-safe; neither movable nor copyable.
#pragma once
#include "infer/generation.h"
#include "model/llama.h"
#include "nn/pass.h"
#include "tokenizer/tokenizer.h"

#include <functional>

namespace puna {

struct EngineOptions {
    int64_t context = 0;        // tokens per session; 0: the model's, at most default_context
    int slots = 1;              // max open sessions; the cache of each is allocated for the full context
    int64_t step_tokens = 512;  // max tokens per step for prefill
};

constexpr int64_t default_context = 8192;  // limit if no context is requested: a full context's cache can be large

// Called after every step with the new text, possibly empty; returning false cancels.
using OnText = std::function<bool(std::string_view text)>;
// logits: [rows, vocabulary], predicting tokens[first], tokens[first + 1], ...; the callback may modify them.
using OnLogits = std::function<void(int64_t first, Tensor logits)>;

class Engine {
 public:
    // Stop tokens: the tokenizer's stop_ids and `stops` (of generation_config.json) or, if that is empty, those of
    // config.json. The tokenizer may have more or fewer tokens than the embedding has rows: using an id without a row
    // is an Error, and an id without text is never sampled. Throws Error if the context exceeds the model's or if
    // tokenizer and model do not match.
    Engine(Llama llama, Tokenizer tokenizer, EngineOptions options = {}, SampleOptions defaults = {},
           std::vector<int32_t> stops = {});
    Engine(const Engine&) = delete;

    Session open();  // throws Error if all slots are in use

    // Throws like Generation's constructor, and Error if the model's logits are not finite.
    Answer generate(Session& session, std::span<const int32_t> prompt, const GenerateOptions& options,
                    const OnText& on_text = {});
    void step(std::span<Generation* const> running);  // for each: one token, or a chunk of its prompt

    // Natural log probabilities of tokens[from], tokens[from + 1], ..., each given all tokens before it. from >= 1.
    std::vector<float> score(Session& session, std::span<const int32_t> tokens, int64_t from,
                             const OnLogits& on_logits = {});

    // The mean of the hidden states after the final norm, normalized to length 1: [dim].
    std::vector<float> embed(Session& session, std::span<const int32_t> tokens);

    const Tokenizer& tokenizer() const { return tokenizer_; }
    const Config& config() const { return llama_.config; }
    int64_t context() const { return context_; }
    const SampleOptions& defaults() const { return defaults_; }  // the model's recommended sampling options
    bool is_stop(int32_t id) const;
    void add_stop(int32_t id) { stops_.push_back(id); }  // an additional stop token
    void check_ids(std::span<const int32_t> ids) const;  // throws Error for ids outside the embedding
    std::span<const int32_t> without_text() const { return without_text_; }  // ids that are never sampled

 private:
    friend class Session;
    struct Chunk {
        Session* session;
        int64_t n;  // pending tokens to run
    };
    std::vector<Chunk> schedule(std::span<Generation* const> running) const;
    Value run(std::span<const Chunk> chunks);  // [tokens, dim]
    static void advance(std::span<const Chunk> chunks);
    void check_fits(std::span<const int32_t> tokens) const;
    void close(int slot) { slot_used_[static_cast<size_t>(slot)] = false; }

    const Kernels& kernels_;
    Llama llama_;
    Tokenizer tokenizer_;
    SampleOptions defaults_;
    std::vector<int32_t> stops_, without_text_;
    size_t sampled_ids_;  // ids from here on have no text or no embedding row: not sampled
    int64_t context_, step_tokens_;
    std::vector<bool> slot_used_;
    KvCache cache_;
    Pass pass_;
    Batch batch_;
};

}  // namespace puna
