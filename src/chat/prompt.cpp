#include "chat/prompt.h"

#include "chat/jinja/python_str.h"
#include "chat/loss_spans.h"
#include "core/error.h"

#include <algorithm>
#include <optional>

namespace puna {

namespace {

using jinja::Text;

// In UTF-8, with the literal marks. Converts the bounds of the spans, which are ascending, from characters to bytes.
Prompt prompt_of(const Text& text, std::span<LossSpan> spans) {
    std::vector<size_t*> bounds;
    for (LossSpan& span : spans) bounds.insert(bounds.end(), {&span.begin, &span.words_end, &span.end});
    auto bound = bounds.begin();
    Prompt prompt;
    prompt.text.reserve(text.size() + text.size() / 8);
    for (size_t i = 0; i <= text.size(); ++i) {
        for (; bound != bounds.end() && **bound == i; ++bound) **bound = prompt.text.size();
        if (i == text.size()) break;
        bool literal = text[i] & jinja::from_value;
        if (prompt.segments.empty() || prompt.segments.back().literal != literal)
            prompt.segments.push_back({prompt.text.size(), prompt.text.size(), literal});
        jinja::append_utf8(prompt.text, text[i]);
        prompt.segments.back().end = prompt.text.size();
    }
    return prompt;
}

struct ControlSpan {
    int32_t id;
    size_t begin, end;  // bytes
};

std::vector<ControlSpan> find_controls(const Prompt& prompt, const Tokenizer& tokenizer) {
    std::vector<ControlSpan> found;
    auto offset = [&](std::string_view bytes) { return static_cast<size_t>(bytes.data() - prompt.text.data()); };
    tokenizer.added_tokens().for_each_span(
        tokenizer.vocabulary(), prompt.text,
        [&](std::string_view bytes) { return !prompt.has_literal(offset(bytes), offset(bytes) + bytes.size()); },
        [&](std::string_view bytes, std::optional<int32_t> id, bool) {
            bool is_control = id && (tokenizer.is_control(*id) || is_named_like_control(bytes));
            if (is_control) found.push_back({*id, offset(bytes), offset(bytes) + bytes.size()});
        });
    return found;
}

bool is_whitespace(std::string_view bytes) { return jinja::strip(jinja::text_of(bytes)).empty(); }

// Finds where turns end. What a template writes after the end-of-turn token, the model never writes.
class TurnEnds {
 public:
    TurnEnds(const Prompt& prompt, const Tokenizer& tokenizer, std::string_view eos_token)
        : text_(prompt.text), controls_(find_controls(prompt, tokenizer)), ends_(tokenizer.stop_ids()) {
        if (std::optional<int32_t> id = tokenizer.find_control(eos_token)) ends_.push_back(*id);
    }

    size_t find(const LossSpan& span) const {
        if (span.ends == LossSpan::End::exact) return span.end;
        return span.ends == LossSpan::End::after_last ? find_last(span) : find_after_words(span);
    }

 private:
    size_t find_after_words(const LossSpan& span) const {
        for (const ControlSpan& control : controls_)
            if (control.begin >= span.words_end && control.end <= span.end && is_end(control.id)) return control.end;
        return span.words_end;
    }

    // Of templates whose end-of-turn token is not known by a role, after the last control token if only whitespace
    // follows. Some write that token only when further messages follow: then it comes after the span.
    size_t find_last(const LossSpan& span) const {
        auto first = std::partition_point(controls_.begin(), controls_.end(),
                                          [&span](const ControlSpan& control) { return control.end <= span.begin; });
        auto last = std::partition_point(first, controls_.end(),
                                         [&span](const ControlSpan& control) { return control.begin < span.end; });
        for (auto control = last; control != first;)
            if (is_end((--control)->id)) return control->end;
        if (last != controls_.end() && is_end(last->id) &&
            is_whitespace(text_.substr(span.end, last->begin - span.end)))
            return last->end;
        if (first == last) return span.end;
        size_t end = (last - 1)->end;
        return end < span.end && !is_whitespace(text_.substr(end, span.end - end)) ? span.end : end;
    }

    bool is_end(int32_t id) const { return std::find(ends_.begin(), ends_.end(), id) != ends_.end(); }

    std::string_view text_;
    std::vector<ControlSpan> controls_;  // ascending
    std::vector<int32_t> ends_;
};

// Splits the segments at the bounds of the spans in bytes, which are ascending and disjoint.
void mark_in_loss(Prompt& prompt, std::span<const LossSpan> spans) {
    std::vector<PromptSegment> marked;
    auto add = [&marked](size_t begin, size_t end, bool literal, bool in_loss) {
        if (begin < end) marked.push_back({begin, end, literal, in_loss});
    };
    auto span = spans.begin();
    for (const PromptSegment& segment : prompt.segments) {
        size_t at = segment.begin;
        while (at < segment.end) {
            while (span != spans.end() && span->end <= at) ++span;
            bool inside = span != spans.end() && span->begin <= at;
            size_t next = span == spans.end() ? segment.end : inside ? span->end : span->begin;
            next = std::min(next, segment.end);
            add(at, next, segment.literal, inside);
            at = next;
        }
    }
    prompt.segments = std::move(marked);
}

struct MarkedPrompt {
    Prompt prompt;                // without marks of the loss
    std::vector<LossSpan> spans;  // bytes
};

MarkedPrompt render_marked(const ChatTemplate& chat, const Tokenizer& tokenizer, const ChatValues& values) {
    TrainingText rendered = render_for_training(chat, values);
    Prompt prompt = prompt_of(rendered.text, rendered.spans);
    TurnEnds ends(prompt, tokenizer, chat.eos_token());
    for (LossSpan& span : rendered.spans) span.end = ends.find(span);
    prompt.note = std::move(rendered.note);
    return {std::move(prompt), std::move(rendered.spans)};
}

}  // namespace

bool Prompt::has_literal(size_t begin, size_t end) const {
    auto segment = std::partition_point(segments.begin(), segments.end(),
                                        [begin](const PromptSegment& each) { return each.end <= begin; });
    for (; segment != segments.end() && segment->begin < end; ++segment)
        if (segment->literal) return true;
    return false;
}

Prompt render_prompt(const ChatTemplate& chat, const ChatValues& values) { return prompt_of(chat.render(values), {}); }

Prompt render_prompt(const ChatTemplate& chat, std::span<const Message> messages, const ChatOptions& options) {
    return render_prompt(chat, chat.values(messages, options));
}

Prompt render_training_prompt(const ChatTemplate& chat, const Tokenizer& tokenizer, const ChatValues& values) {
    MarkedPrompt training = render_marked(chat, tokenizer, values);
    mark_in_loss(training.prompt, training.spans);
    return std::move(training.prompt);
}

Prompt render_training_prompt(const ChatTemplate& chat, const Tokenizer& tokenizer, std::span<const Message> messages,
                              const ChatOptions& options) {
    return render_training_prompt(chat, tokenizer, chat.values(messages, options));
}

Prompt with_loss(Prompt prompt, const ChatTemplate& chat, const Tokenizer& tokenizer, const ChatValues& values) {
    MarkedPrompt training = render_marked(chat, tokenizer, values);
    size_t end = training.spans.empty() ? 0 : training.spans.back().end;
    if (prompt.text.compare(0, end, training.prompt.text, 0, end) != 0)
        fail("{}: the answers are others before a generation prompt", chat.origin());
    mark_in_loss(prompt, training.spans);
    prompt.note = std::move(training.prompt.note);
    return prompt;
}

}  // namespace puna
