#include "chat/loss_spans.h"

#include "core/error.h"

#include <algorithm>

namespace puna {

using namespace jinja;

namespace {

bool is_learned(const Message& message) { return message.role == "assistant" && message.in_loss; }

// Renders parts of one conversation and finds the spans in the whole.
class SpanFinder {
 public:
    SpanFinder(const ChatTemplate& chat, std::span<const Message> messages, const ChatOptions& options)
        : chat_(chat), messages_(messages), values_(chat.values(messages, options)) {}

    TrainingText run() {
        whole_ = chat_.render(values_, messages_.size(), false, &watch_);
        if (chat_.has_generation(values_)) {
            add_generated();
        } else if (!add_by_turns()) {
            for (size_t i = 0; i < messages_.size(); ++i)
                if (is_learned(messages_[i])) add_by_prefixes(i);
        }
        return {std::move(whole_), std::move(spans_)};
    }

 private:
    [[noreturn]] void refuse(size_t message, std::string_view why) const {
        fail("{}: cannot be trained on: {} (message {}); a template with {{% generation %}} blocks can", chat_.place(),
             why, message + 1);
    }

    Text render_first(size_t count, bool add_generation_prompt) const {
        return chat_.render(values_, count, add_generation_prompt, nullptr);
    }

    // The general case: the text up to the answer, and up to its end, each rendered for itself.
    void add_by_prefixes(size_t i) {
        Text before = render_first(i, true);
        Text with = i + 1 == messages_.size() ? whole_ : render_first(i + 1, false);
        if (!with.starts_with(before)) refuse(i, "an assistant's turn does not begin with the generation prompt");
        if (!whole_.starts_with(with)) refuse(i, "an assistant's turn changes when further messages follow");
        spans_.push_back({before.size(), with.size()});
    }

    // Where the template has read the messages one after the other, the whole text tells where each turn stands, and
    // rendering the parts would give the same: a long conversation costs two renderings, not two for each answer. False
    // if it has not.
    bool add_by_turns() {
        auto first =
            static_cast<size_t>(std::find_if(messages_.begin(), messages_.end(), is_learned) - messages_.begin());
        if (first == messages_.size()) return true;
        const Watch::Turn* turn = turn_of(first);
        if (watch_.looked_ahead || first == 0 || !turn) return false;
        Text before = render_first(first, true);
        if (before.size() < turn->begin || !whole_.starts_with(before.substr(0, turn->begin))) return false;
        Text prompt = before.substr(turn->begin), tail = whole_.substr(watch_.turns.back().end);
        for (size_t i = first; i < messages_.size(); ++i)
            if (is_learned(messages_[i])) add_turn(i, prompt, tail);
        return true;
    }

    void add_turn(size_t i, const Text& prompt, const Text& tail) {
        const Watch::Turn* turn = turn_of(i);
        TextView text = whole_;
        if (!turn || !text.substr(turn->begin, turn->end - turn->begin).starts_with(prompt))
            refuse(i, "an assistant's turn does not begin with the generation prompt");
        if (!text.substr(turn->end).starts_with(tail))
            refuse(i, "an assistant's turn changes when further messages follow");
        spans_.push_back({turn->begin + prompt.size(), turn->end + tail.size()});
    }

    // Null if the template did not write it in its loop over the messages.
    const Watch::Turn* turn_of(size_t message) const {
        auto is_it = [&](const Watch::Turn& turn) { return turn.message == &values_.messages[message].dict(); };
        // Almost always at its own place, counted from the end.
        size_t behind = messages_.size() - message;
        if (behind <= watch_.turns.size()) {
            const Watch::Turn& turn = watch_.turns[watch_.turns.size() - behind];
            if (is_it(turn)) return &turn;
        }
        auto at = std::find_if(watch_.turns.begin(), watch_.turns.end(), is_it);
        return at == watch_.turns.end() ? nullptr : &*at;
    }

    // What {% generation %} blocks wrote, without that of messages that are context only.
    void add_generated() {
        std::vector<size_t> cuts;
        for (const Watch::Turn& turn : watch_.turns) cuts.push_back(turn.begin);
        std::sort(cuts.begin(), cuts.end());
        auto cut = cuts.begin();
        for (size_t i = 0; i < whole_.size(); ++i) {
            while (cut != cuts.end() && *cut < i) ++cut;
            if (!(whole_[i] & generated)) continue;
            bool goes_on = !spans_.empty() && spans_.back().end == i && !(cut != cuts.end() && *cut == i);
            if (!goes_on) spans_.push_back({i, i, true});
            spans_.back().end = i + 1;
        }
        drop_context();
    }

    void drop_context() {
        auto is_context = [](const Message& message) { return message.role == "assistant" && !message.in_loss; };
        for (size_t i = 0; i < messages_.size(); ++i) {
            if (!is_context(messages_[i])) continue;
            const Watch::Turn* turn = turn_of(i);
            if (!turn) refuse(i, "its text cannot be told from that of the messages to learn");
            std::erase_if(spans_,
                          [turn](const LossSpan& span) { return span.begin >= turn->begin && span.end <= turn->end; });
        }
    }

    const ChatTemplate& chat_;
    std::span<const Message> messages_;
    ChatValues values_;
    Watch watch_;
    Text whole_;
    std::vector<LossSpan> spans_;
};

}  // namespace

TrainingText render_for_training(const ChatTemplate& chat, std::span<const Message> messages,
                                 const ChatOptions& options) {
    return SpanFinder(chat, messages, options).run();
}

}  // namespace puna
