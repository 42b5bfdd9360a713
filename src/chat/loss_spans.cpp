#include "chat/loss_spans.h"

#include "chat/jinja/python_str.h"
#include "core/error.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

namespace puna {

using jinja::MessageTrace;
using jinja::Text;

namespace {

// Finds the spans in the rendered conversation, by rendering parts of it too.
class SpanFinder {
 public:
    SpanFinder(const ChatTemplate& chat, const ChatValues& values) : chat_(chat), values_(values) {}

    TrainingText run() {
        whole_ = chat_.render(values_, size(), false, &trace_);
        if (chat_.has_generation(values_)) {
            add_generated();
        } else if (!add_by_turns()) {
            for (size_t i = 0; i < size(); ++i)
                if (is_answer(i)) add_by_prefixes(i);
        }
        return {std::move(whole_), std::move(spans_), std::move(note_)};
    }

 private:
    size_t size() const { return values_.messages.size(); }
    bool is_answer(size_t message) const { return values_.marks[message] == LossMark::answer; }

    [[noreturn]] void fail_training(size_t message, std::string_view reason) const {
        fail("{}: the template does not support training: {} (message {}); use {{% generation %}} blocks",
             chat_.origin(), reason, message + 1);
    }

    Text render_first(size_t count, bool add_generation_prompt) const {
        return chat_.render(values_, count, add_generation_prompt, nullptr);
    }

    // The general case: renders the text before the answer and the text up to its end.
    void add_by_prefixes(size_t i) {
        Text before = render_first(i, true);
        Text with = i + 1 == size() ? whole_ : render_first(i + 1, false);
        if (with.starts_with(before) && whole_.starts_with(with))
            spans_.push_back({before.size(), with.size()});
        else
            add_by_words(i, before, with);
    }

    // What follows the answer is other text without further messages (many templates always end with a generation
    // prompt), or what precedes it is not how prompts end, or it changes: it is found by the origin of its words.
    void add_by_words(size_t i, const Text& before, const Text& with) {
        std::optional<Words> words = find_words(whole_, i);
        if (!words) return note(i, "the template leaves out its words, so nothing of it is in the loss");
        size_t begin = whole_.starts_with(before) ? std::min(before.size(), words->begin) : words->begin;
        if (!is_same_text(before, jinja::TextView(whole_).substr(0, begin)))
            note(i, "the text before it is not what the template's prompts end with");
        size_t common = static_cast<size_t>(
            std::mismatch(whole_.begin(), whole_.end(), with.begin(), with.end(), jinja::CodeTraits::eq).first -
            whole_.begin());
        if (common < words->end) {
            note(i, "the template changes it when further messages follow");
            common = whole_.size();
        }
        // Up to the words of another message, or to where the two texts differ. What else is not the template's own
        // text belongs to the answer too: numbers of its calls have no origin.
        size_t end = words->end, words_end = end;
        for (; end < common && !(whole_[end] & jinja::message_bits); ++end)
            if (whole_[end] & jinja::from_value) words_end = end + 1;
        spans_.push_back({begin, end, LossSpan::End::after_words, words_end});
    }

    void note(size_t message, std::string_view text) {  // the first one
        if (note_.empty()) note_ = fmt::format("{}: answer in message {}: {}", chat_.origin(), message + 1, text);
    }

    struct Words {
        size_t begin, end;
        jinja::TextView of(const Text& text) const { return jinja::TextView(text).substr(begin, end - begin); }
    };

    // From the first to the last character of an answer, after those of the answers before it; none if it has no
    // words in the text. Throws Error if it has some in two places.
    std::optional<Words> find_words(const Text& text, size_t message) const {
        auto answers = std::count(values_.marks.begin(), values_.marks.begin() + static_cast<ptrdiff_t>(message),
                                  LossMark::answer);
        char32_t flag = jinja::answer_flag(static_cast<size_t>(answers));
        std::optional<Words> words;
        for (size_t at = spans_.empty() ? 0 : spans_.back().begin; at < text.size(); ++at) {
            char32_t of = text[at] & jinja::message_bits;
            if (of == flag)
                words = Words{words ? words->begin : at, at + 1};
            else if (of && words)
                break;
        }
        // As far as another answer with the same flag may be.
        bool has_namesake = std::count(values_.marks.begin(), values_.marks.end(), LossMark::answer) >
                            answers + static_cast<ptrdiff_t>(jinja::answer_flags);
        bool again = words && !has_namesake &&
                     std::any_of(text.begin() + static_cast<ptrdiff_t>(words->end), text.end(),
                                 [flag](char32_t c) { return (c & jinja::message_bits) == flag; });
        if (again) fail_training(message, "it writes the words of an answer in two places");
        return words;
    }

    // But for white space.
    static bool is_same_text(jinja::TextView a, jinja::TextView b) {
        auto without_space = [](jinja::TextView text) {
            Text rest(text);
            std::erase_if(rest, jinja::is_space);
            return rest;
        };
        return without_space(a) == without_space(b);
    }

    // If the template reads the messages in order, and its text after them does not depend on them, the traces of the
    // whole conversation, without and with the generation prompt, have the position of each turn, and rendering the
    // parts would give the same text: a conversation costs two renderings, not two for each answer. Returns false if it
    // does not.
    bool add_by_turns() {
        const std::vector<LossMark>& marks = values_.marks;
        auto first = static_cast<size_t>(std::find(marks.begin(), marks.end(), LossMark::answer) - marks.begin());
        if (first == size()) return true;
        if (trace_.depends_on_later || first == 0 || !turn_of(first)) return false;
        std::optional<Text> prompt = generation_prompt();
        if (!prompt) return false;
        Text tail = whole_.substr(trace_.turns.back().end);
        for (size_t i = first; i < size(); ++i) {
            if (!is_answer(i) || add_turn(i, *prompt, tail)) continue;
            spans_.clear();
            return false;
        }
        return true;
    }

    // What the template writes after any messages to ask for an answer; none if that depends on them.
    std::optional<Text> generation_prompt() const {
        MessageTrace trace;
        Text text;
        try {
            text = chat_.render(values_, size(), true, &trace);
        } catch (const Error&) {  // no prompt after these messages
            return {};
        }
        if (trace_.turns.empty() || trace.turns.empty() || trace.depends_on_later) return {};
        size_t end = trace_.turns.back().end;
        if (trace.turns.back().end != end) return {};
        if (text.compare(0, end, whole_, 0, end) != 0) return {};
        return text.substr(end);
    }

    // Returns false if the turn does not begin or end like that.
    bool add_turn(size_t i, const Text& prompt, const Text& tail) {
        const MessageTrace::Turn* turn = turn_of(i);
        jinja::TextView text = whole_;
        if (!turn || !text.substr(turn->begin, turn->end - turn->begin).starts_with(prompt)) return false;
        if (!text.substr(turn->end).starts_with(tail)) return false;
        spans_.push_back({turn->begin + prompt.size(), turn->end + tail.size()});
        return true;
    }

    // Null if the template did not write the message in its loop over the messages.
    const MessageTrace::Turn* turn_of(size_t message) const {
        auto is_it = [&](const MessageTrace::Turn& turn) { return turn.message == &values_.messages[message].dict(); };
        // Usually at the same distance from the end as the message.
        size_t from_end = size() - message;
        if (from_end <= trace_.turns.size()) {
            const MessageTrace::Turn& turn = trace_.turns[trace_.turns.size() - from_end];
            if (is_it(turn)) return &turn;
        }
        auto at = std::find_if(trace_.turns.begin(), trace_.turns.end(), is_it);
        return at == trace_.turns.end() ? nullptr : &*at;
    }

    // Text of {% generation %} blocks, except for messages that are context only.
    void add_generated() {
        std::vector<size_t> turn_begins;
        for (const MessageTrace::Turn& turn : trace_.turns) turn_begins.push_back(turn.begin);
        std::sort(turn_begins.begin(), turn_begins.end());
        auto next = turn_begins.begin();
        for (size_t i = 0; i < whole_.size(); ++i) {
            while (next != turn_begins.end() && *next < i) ++next;
            if (!(whole_[i] & jinja::generated)) continue;
            bool begins_turn = next != turn_begins.end() && *next == i;
            bool continues = !spans_.empty() && spans_.back().end == i && !begins_turn;
            if (!continues) spans_.push_back({i, i, LossSpan::End::exact});
            spans_.back().end = i + 1;
        }
        drop_context();
    }

    void drop_context() {
        for (size_t i = 0; i < size(); ++i) {
            if (values_.marks[i] != LossMark::context) continue;
            const MessageTrace::Turn* turn = turn_of(i);
            if (!turn) fail_training(i, "the text of a message that is not in the loss cannot be located");
            std::erase_if(spans_,
                          [turn](const LossSpan& span) { return span.begin >= turn->begin && span.end <= turn->end; });
        }
    }

    const ChatTemplate& chat_;
    const ChatValues& values_;
    MessageTrace trace_;
    Text whole_;
    std::vector<LossSpan> spans_;
    std::string note_;
};

}  // namespace

TrainingText render_for_training(const ChatTemplate& chat, const ChatValues& values) {
    return SpanFinder(chat, values).run();
}

}  // namespace puna
