#include "infer/engine.h"

#include "core/checked.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace puna {

namespace {

constexpr int64_t logits_at_once = 64;  // rows, when all are wanted: 33 MB of a vocabulary of 128 k

int64_t context_of(const Config& config, int64_t asked) {
    if (asked < 0 || asked > config.context)
        fail("a context of {}: this model was made for at most {}", asked, config.context);
    return asked > 0 ? asked : std::min(config.context, default_context);
}

KvCache cache_of(const Llama& llama, int64_t context, int slots) {
    const Config& config = llama.config;
    check(slots > 0, "an engine of {} slots", slots);
    int64_t kv_dim = config.kv_dim() / llama.group.size();  // of this rank
    int64_t numbers = 2 * config.layers * slots * kv_dim;
    if (!checked_multiply(numbers * static_cast<int64_t>(sizeof(float)), context))
        fail("a context of {} does not fit any memory: ask for less", context);
    return KvCache(config.layers, slots, context, kv_dim);
}

}  // namespace

Engine::Engine(Llama llama, Tokenizer tokenizer, EngineOptions options, SampleOptions defaults,
               std::vector<int32_t> stops)
    : kernels_(choose_kernels()),
      llama_(std::move(llama)),
      tokenizer_(std::move(tokenizer)),
      defaults_(defaults),
      stops_(std::move(stops)),
      sampled_(static_cast<size_t>(std::min<int64_t>(tokenizer_.size(), llama_.config.vocabulary))),
      context_(context_of(llama_.config, options.context)),
      step_tokens_(options.step_tokens),
      taken_(static_cast<size_t>(options.slots)),
      cache_(cache_of(llama_, context_, options.slots)),
      pass_(kernels_) {
    check(step_tokens_ > 0, "steps of {} tokens", step_tokens_);
    for (int32_t id = 0; id < static_cast<int32_t>(sampled_); ++id)
        if (tokenizer_.kind(id) == TokenKind::none) without_text_.push_back(id);
    if (without_text_.size() == sampled_)
        fail("none of the tokenizer's tokens has one of the model's {} ids: they do not belong together",
             llama_.config.vocabulary);
    if (stops_.empty()) stops_ = llama_.config.eos;
    for (int32_t id : tokenizer_.stop_ids()) stops_.push_back(id);
    batch_.cache = &cache_;
    pass_.group = llama_.group;
}

Session Engine::open() {
    auto free = std::find(taken_.begin(), taken_.end(), false);
    if (free == taken_.end()) fail("all {} places for conversations are taken: try again later", taken_.size());
    *free = true;
    return Session(*this, static_cast<int>(free - taken_.begin()));
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

// Runs the next n pending tokens of each session. Their keys and values are in the cache then, but count as cached only
// once the whole step has succeeded (advance): what a failed step wrote is written again.
Value Engine::run(std::span<const Piece> pieces) {
    pass_.reset();
    batch_.tokens.clear();
    batch_.sequences.clear();
    for (const Piece& piece : pieces) {
        Session& s = *piece.session;
        auto next = s.tokens_.begin() + s.cached_;
        batch_.sequences.push_back({.first = batch_.rows(), .n = piece.n, .before = s.cached_, .slot = s.slot_});
        batch_.tokens.insert(batch_.tokens.end(), next, next + piece.n);
    }
    return llama_.forward(pass_, batch_);
}

void Engine::advance(std::span<const Piece> pieces) {
    for (const Piece& piece : pieces) piece.session->cached_ += piece.n;
}

// Answers in the making go first, one token each; prompts share what is left of the step.
std::vector<Engine::Piece> Engine::schedule(std::span<Generation* const> running) const {
    std::vector<Piece> pieces;
    int64_t room = step_tokens_;
    for (bool prompts : {false, true})
        for (Generation* g : running) {
            int64_t pending = g->session_.pending(), n = std::min(pending, room);
            if (g->done() || (pending > 1) != prompts) continue;
            if (prompts && room <= 0) break;
            if (!prompts) n = 1;
            pieces.push_back({&g->session_, n});
            room -= n;
        }
    return pieces;
}

void Engine::step(std::span<Generation* const> running) {
    std::vector<Piece> pieces = schedule(running);
    if (pieces.empty()) return;
    Value x = run(pieces);
    std::vector<int64_t> rows;  // the last of each timeline that is complete
    std::vector<Session*> complete;
    for (size_t i = 0; i < pieces.size(); ++i) {
        if (pieces[i].session->pending() > pieces[i].n) continue;
        complete.push_back(pieces[i].session);
        rows.push_back(batch_.sequences[i].first + batch_.sequences[i].n - 1);
    }
    Tensor logits;
    if (!rows.empty()) logits = llama_.logits(pass_, x, rows);
    kernels_.synchronize(pass_.stream);
    advance(pieces);
    for (Generation* g : running) {
        auto at = std::find(complete.begin(), complete.end(), &g->session_);
        if (at == complete.end() || g->done()) continue;
        g->take(std::span(logits.row<float>(at - complete.begin()), sampled_));
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
    check(from >= 1, "score from token {}", from);
    check_fits(tokens);
    std::vector<float> log_p;
    int64_t end = static_cast<int64_t>(tokens.size()) - 1;  // nothing follows the last token
    if (end < from) return log_p;
    session.sync(tokens.first(static_cast<size_t>(end)), from - 1);
    while (session.pending() > 0) {
        Piece piece{&session, std::min(session.pending(), step_tokens_)};
        int64_t begin = session.cached_, finish = begin + piece.n;
        Value x = run({&piece, 1});
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
        advance({&piece, 1});
    }
    return log_p;
}

std::vector<float> Engine::embed(Session& session, std::span<const int32_t> tokens) {
    check_fits(tokens);
    if (tokens.empty()) fail("an empty text has no embedding");
    session.sync(tokens, 0);
    std::vector<double> sum(static_cast<size_t>(config().dim));
    while (session.pending() > 0) {
        Piece piece{&session, std::min(session.pending(), step_tokens_)};
        Value h = rms_norm(pass_, run({&piece, 1}), llama_.norm, batch_, static_cast<float>(config().norm_epsilon));
        kernels_.synchronize(pass_.stream);
        advance({&piece, 1});
        for (int64_t row = 0; row < h.data.rows(); ++row)
            for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(h.data.row<float>(row)[i]);
    }
    double square = std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0);
    std::vector<float> vector;
    for (double value : sum) vector.push_back(static_cast<float>(value / std::sqrt(square)));
    return vector;
}

}  // namespace puna
