#include "eval/text.h"

#include "core/threads.h"
#include "infer/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace puna {

namespace {

constexpr std::string_view separator = "<|endoftext|>";

using Tokens = std::span<const int32_t>;

double sum_of_nats(std::span<const float> log_p) {
    double nats = 0;
    for (float value : log_p) nats -= static_cast<double>(value);
    return nats;
}

int64_t bytes_of(const Tokenizer& tokenizer, Tokens tokens) {
    int64_t bytes = 0;
    for (int32_t id : tokens) bytes += std::ssize(tokenizer.bytes(id));
    return bytes;
}

// Calls `window` for every window of every document: <|begin_of_text|>, then tokens of the text. Without such a token a
// window begins with the last token of the one before, and the first token of a document is neither predicted nor
// counted.
TextScore score_windows(Engine& engine, int64_t context, std::string_view text,
                        const std::function<void(TextScore&, Tokens)>& window, const OnScored& on_scored) {
    if (context < 2) fail("a context of {} is too short to score text: use 2 or more", context);
    TextScore score;
    std::optional<int32_t> begin = engine.tokenizer().begin_of_text();
    size_t most = static_cast<size_t>(context) - 1;  // predictions in a window
    for (std::string_view document : split_documents(text)) {
        std::vector<int32_t> ids = engine.tokenizer().encode(document), tokens;
        for (size_t at = begin ? 0 : 1; at < ids.size(); at += most) {
            Tokens next = Tokens(ids).subspan(at, std::min(ids.size() - at, most));
            tokens.assign(1, begin ? *begin : ids[at - 1]);
            tokens.insert(tokens.end(), next.begin(), next.end());
            window(score, tokens);
            score.tokens += static_cast<int64_t>(next.size());
            if (on_scored) on_scored(bytes_of(engine.tokenizer(), next));
        }
        ++score.documents;
        score.bytes += static_cast<int64_t>(document.size());
        if (!begin && !ids.empty()) score.bytes -= std::ssize(engine.tokenizer().decode({ids.begin(), 1}));
    }
    if (score.documents == 0) fail("the text is empty: nothing to score");
    if (score.tokens == 0)
        fail("each document has a single token, and nothing before it to predict it from: use a longer text");
    return score;
}

struct RowDifference {
    double divergence = 0;
    bool same_argmax = false;
};

RowDifference compare_rows(std::span<const float> reference, std::span<const float> model) {
    auto argmax = [](std::span<const float> row) { return std::max_element(row.begin(), row.end()) - row.begin(); };
    ptrdiff_t p_best = argmax(reference), q_best = argmax(model);
    double p_sum = log_sum_exp(reference, reference[static_cast<size_t>(p_best)]),
           q_sum = log_sum_exp(model, model[static_cast<size_t>(q_best)]);
    RowDifference difference{.same_argmax = p_best == q_best};
    for (size_t i = 0; i < reference.size(); ++i) {
        double log_p = static_cast<double>(reference[i]) - p_sum, log_q = static_cast<double>(model[i]) - q_sum;
        difference.divergence += std::exp(log_p) * (log_p - log_q);
    }
    return difference;
}

// Compares the models' predictions of tokens[from], tokens[from + 1], ... of a window.
void compare_tokens(TextScore& score, Engine& engine, Engine& reference, Tokens tokens, int64_t from) {
    // An embedding may have been padded or cut: the ids that both models have are compared.
    size_t shared = static_cast<size_t>(std::min(engine.config().vocabulary, reference.config().vocabulary));
    size_t wide = static_cast<size_t>(engine.config().vocabulary),
           wide_reference = static_cast<size_t>(reference.config().vocabulary);
    Answer expected = reference.score_with_logits({tokens.begin(), tokens.end()}, from),
           mine = engine.score_with_logits({tokens.begin(), tokens.end()}, from);
    score.nats += sum_of_nats(mine.log_p);
    std::vector<RowDifference> differences(mine.log_p.size());
    parallel_for(std::ssize(differences), [&](int64_t row) {
        size_t i = static_cast<size_t>(row);
        differences[i] = compare_rows(std::span(expected.logits).subspan(i * wide_reference, shared),
                                      std::span(mine.logits).subspan(i * wide, shared));
    });
    for (const RowDifference& difference : differences) {
        score.divergence += difference.divergence;
        score.top1_agreement += difference.same_argmax;
    }
}

void check_same_tokenizer(const Engine& engine, const Engine& reference, std::string_view text) {
    bool same = engine.tokenizer().begin_of_text() == reference.tokenizer().begin_of_text();
    std::string_view sample = text.substr(0, 1 << 20);
    if (!same || engine.tokenizer().encode(sample) != reference.tokenizer().encode(sample))
        fail("the two models have different tokenizers: their predictions cannot be compared");
}

}  // namespace

double TextScore::perplexity() const { return std::exp(nats / static_cast<double>(tokens)); }
double TextScore::bits_per_byte() const { return nats / std::log(2.0) / static_cast<double>(bytes); }

std::vector<std::string_view> split_documents(std::string_view text) {
    std::vector<std::string_view> documents;
    auto add = [&](std::string_view document) {
        if (!document.empty()) documents.push_back(document);
    };
    size_t begin = 0;
    for (size_t at = text.find(separator); at != text.npos; at = text.find(separator, at + 1)) {
        size_t end = at + separator.size(), last = at - (at > begin);
        if (end < text.size() && text[end] == '\r') ++end;  // CRLF
        bool whole_line = (at == 0 || text[at - 1] == '\n') && (end == text.size() || text[end] == '\n');
        if (!whole_line) continue;
        if (last > begin && text[last - 1] == '\r') --last;
        add(text.substr(begin, last - begin));
        begin = std::min(end + 1, text.size());
    }
    add(text.substr(begin));
    return documents;
}

TextScore score_text(Engine& engine, std::string_view text, const OnScored& on_scored) {
    auto add_window = [&](TextScore& score, Tokens tokens) {
        score.nats += sum_of_nats(engine.score({tokens.begin(), tokens.end()}, 1));
    };
    return score_windows(engine, engine.context(), text, add_window, on_scored);
}

TextScore compare_on_text(Engine& engine, Engine& reference, std::string_view text, const OnScored& on_scored) {
    check_same_tokenizer(engine, reference, text);
    auto add_window = [&](TextScore& sums, Tokens tokens) {
        for (int64_t from = 1; from < static_cast<int64_t>(tokens.size()); from += max_logit_rows) {
            size_t end = std::min(tokens.size(), static_cast<size_t>(from + max_logit_rows));
            compare_tokens(sums, engine, reference, tokens.first(end), from);
        }
    };
    int64_t context = std::min(engine.context(), reference.context());
    TextScore score = score_windows(engine, context, text, add_window, on_scored);
    score.divergence /= static_cast<double>(score.tokens);
    score.top1_agreement /= static_cast<double>(score.tokens);
    return score;
}

}  // namespace puna
