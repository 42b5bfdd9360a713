#include "infer/engine.h"

#include "core/checked.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace puna {

namespace {

constexpr int64_t logits_at_once = 64;  // rows per call when scoring: 33 MB with a vocabulary of 128k

int64_t choose_context(const Config& config, int64_t requested) {
    if (requested < 0 || requested > config.context)
        fail("context: {} is more than this model supports: use at most {}", requested, config.context);
    return requested > 0 ? requested : std::min(config.context, default_context);
}

KvCache make_cache(const Llama& llama, int64_t context, int slots) {
    const Config& config = llama.config;
    check(slots > 0, "an engine with {} slots", slots);
    int64_t kv_dim = config.kv_dim() / llama.group.size();  // of this rank
    int64_t floats_per_position = 2 * config.layers * slots * kv_dim;
    if (!checked_multiply(floats_per_position * static_cast<int64_t>(sizeof(float)), context))
        fail("context: {} is too large for the KV cache: use a smaller one", context);
    try {
        return KvCache(config.layers, slots, context, kv_dim);
    } catch (const OutOfMemory& problem) {
        fail("{} for the KV cache: use a smaller context than {}", problem.what(), context);
    }
}

}  // namespace

Engine::Engine(Llama llama, Tokenizer tokenizer, EngineOptions options, SampleOptions defaults,
               std::vector<int32_t> stops)
    : kernels_(choose_kernels()),
      llama_(std::move(llama)),
      tokenizer_(std::move(tokenizer)),
      defaults_(defaults),
      stops_(std::move(stops)),
      sampled_ids_(static_cast<size_t>(std::min<int64_t>(tokenizer_.size(), llama_.config.vocabulary))),
      context_(choose_context(llama_.config, options.context)),
      step_tokens_(options.step_tokens),
      slot_used_(static_cast<size_t>(options.slots)),
      cache_(make_cache(llama_, context_, options.slots)),
      pass_(kernels_) {
    check(step_tokens_ > 0, "step_tokens is {}", step_tokens_);
    for (int32_t id = 0; id < static_cast<int32_t>(sampled_ids_); ++id)
        if (tokenizer_.kind(id) == TokenKind::none) without_text_.push_back(id);
    if (without_text_.size() == sampled_ids_)
        fail("no token of the tokenizer is within the model's vocabulary of {}: the tokenizer belongs to another model",
             llama_.config.vocabulary);
    if (stops_.empty()) stops_ = llama_.config.eos;
    for (int32_t id : tokenizer_.stop_ids()) stops_.push_back(id);
    batch_.cache = &cache_;
    pass_.group = llama_.group;
}

Session Engine::open() {
    auto free = std::find(slot_used_.begin(), slot_used_.end(), false);
    if (free == slot_used_.end()) fail("all {} session slots are in use: try again later", slot_used_.size());
    *free = true;
    return Session(*this, static_cast<int>(free - slot_used_.begin()));
}

bool Engine::is_stop(int32_t id) const { return std::find(stops_.begin(), stops_.end(), id) != stops_.end(); }

void Engine::check_ids(std::span<const int32_t> ids) const {
    for (int32_t id : ids) {
        if (id >= 0 && id < llama_.config.vocabulary) continue;
        std::string_view text = tokenizer_.vocabulary().bytes(id);
        fail("token {}{} is not in the model's vocabulary of {}: its embedding has no row for it", id,
             text.empty() ? "" : fmt::format(" ('{}')", printable(text)), llama_.config.vocabulary);
    }
}

void Engine::check_fits(std::span<const int32_t> tokens) const {
    int64_t n = static_cast<int64_t>(tokens.size());
    if (n > context_) throw ContextFull(n, 0, context_);
    check_ids(tokens);
}

// Runs the next n pending tokens of each session. Their keys and values are then in the KV cache, but count as cached
// only after the whole step has succeeded (advance): a failed step is simply run again.
Value Engine::run(std::span<const Chunk> chunks) {
    pass_.reset();
    batch_.tokens.clear();
    batch_.sequences.clear();
    for (const Chunk& chunk : chunks) {
        Session& s = *chunk.session;
        auto next = s.tokens_.begin() + s.cached_;
        batch_.sequences.push_back({.first = batch_.rows(), .n = chunk.n, .past = s.cached_, .slot = s.slot_});
        batch_.tokens.insert(batch_.tokens.end(), next, next + chunk.n);
    }
    return llama_.forward(pass_, batch_);
}

void Engine::advance(std::span<const Chunk> chunks) {
    for (const Chunk& chunk : chunks) chunk.session->cached_ += chunk.n;
}

// Decoding first, one token each; prefill chunks share the rest of the step's token budget.
std::vector<Engine::Chunk> Engine::schedule(std::span<Generation* const> running) const {
    std::vector<Chunk> chunks;
    int64_t budget = step_tokens_;
    for (bool prompts : {false, true})
        for (Generation* g : running) {
            int64_t pending = g->session_.pending(), n = std::min(pending, budget);
            if (g->done() || (pending > 1) != prompts) continue;
            if (prompts && budget <= 0) break;
            if (!prompts) n = 1;
            chunks.push_back({&g->session_, n});
            budget -= n;
        }
    return chunks;
}

void Engine::step(std::span<Generation* const> running) {
    std::vector<Chunk> chunks = schedule(running);
    if (chunks.empty()) return;
    Value x = run(chunks);
    std::vector<int64_t> rows;  // last rows of the sessions without pending tokens
    std::vector<Session*> complete;
    for (size_t i = 0; i < chunks.size(); ++i) {
        if (chunks[i].session->pending() > chunks[i].n) continue;
        complete.push_back(chunks[i].session);
        rows.push_back(batch_.sequences[i].first + batch_.sequences[i].n - 1);
    }
    Tensor logits;
    if (!rows.empty()) logits = llama_.logits(pass_, x, rows);
    kernels_.synchronize(pass_.stream);
    advance(chunks);
    for (Generation* g : running) {
        auto at = std::find(complete.begin(), complete.end(), &g->session_);
        if (at == complete.end() || g->done()) continue;
        g->sample_next(std::span(logits.row<float>(at - complete.begin()), sampled_ids_));
    }
}

Answer Engine::generate(Session& session, std::span<const int32_t> prompt, const GenerateOptions& options,
                        const OnText& on_text) {
    Generation generation(*this, session, prompt, options);
    Generation* running[] = {&generation};
    while (!generation.done()) {
        step(running);
        if (on_text && !on_text(generation.take_text())) generation.cancel();
    }
    if (generation.answer().finish == Finish::failed) fail("{}", generation.answer().problem);
    return generation.answer();
}

std::vector<float> Engine::score(Session& session, std::span<const int32_t> tokens, int64_t from,
                                 const OnLogits& on_logits) {
    check(from >= 1, "score: from is {}", from);
    check_fits(tokens);
    std::vector<float> log_p;
    int64_t end = static_cast<int64_t>(tokens.size()) - 1;  // the last token is only a target
    if (end < from) return log_p;
    session.sync(tokens.first(static_cast<size_t>(end)), from - 1);
    while (session.pending() > 0) {
        Chunk chunk{&session, std::min(session.pending(), step_tokens_)};
        int64_t begin = session.cached_, finish = begin + chunk.n;
        Value x = run({&chunk, 1});
        Arena::Mark mark = pass_.arena.mark();
        for (int64_t at = std::max(begin, from - 1); at < finish; at += logits_at_once) {
            pass_.arena.rewind(mark);
            std::vector<int64_t> rows(static_cast<size_t>(std::min(logits_at_once, finish - at)));
            std::iota(rows.begin(), rows.end(), at - begin);
            int64_t n = static_cast<int64_t>(rows.size());
            Tensor logits = llama_.logits(pass_, x, rows), loss = pass_.arena.tensor(Dtype::f32, {n}),
                   targets = pass_.arena.tensor(Dtype::i32, {n});
            kernels_.copy(pass_.stream, targets.data, &tokens[static_cast<size_t>(at + 1)],
                          static_cast<size_t>(targets.bytes()));
            kernels_.cross_entropy(pass_.stream, loss, logits, targets);
            kernels_.synchronize(pass_.stream);
            for (float nats : loss.span<float>()) log_p.push_back(-nats);
            if (on_logits) on_logits(at + 1, logits);
        }
        advance({&chunk, 1});
    }
    return log_p;
}

std::vector<float> Engine::embed(Session& session, std::span<const int32_t> tokens) {
    check_fits(tokens);
    if (tokens.empty()) fail("cannot embed an empty text");
    session.sync(tokens, 0);
    std::vector<double> sum(static_cast<size_t>(config().dim));
    while (session.pending() > 0) {
        Chunk chunk{&session, std::min(session.pending(), step_tokens_)};
        Value h = rms_norm(pass_, run({&chunk, 1}), llama_.norm, batch_, static_cast<float>(config().norm_epsilon));
        kernels_.synchronize(pass_.stream);
        advance({&chunk, 1});
        for (int64_t row = 0; row < h.data.rows(); ++row)
            for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(h.data.row<float>(row)[i]);
    }
    double square = std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0);
    std::vector<float> vector;
    for (double value : sum) vector.push_back(static_cast<float>(value / std::sqrt(square)));
    return vector;
}

}  // namespace puna
