#include "chat/encode.h"

#include "chat/jinja/python_str.h"
#include "chat/loss_spans.h"
#include "core/error.h"

#include <algorithm>

namespace puna {

namespace {

using jinja::Text;

// A token and where in the text it stands, in bytes.
struct PlacedToken {
    int32_t id;
    size_t begin, end;
    bool control;
};

// A text as bytes, and where in it the template's own stand.
struct ByteText {
    struct Part {
        size_t begin, end;
    };

    // Turns the places of the spans, which are in order, from characters to bytes.
    ByteText(const Text& text, std::span<LossSpan> spans) {
        std::vector<size_t*> places;
        for (LossSpan& span : spans) places.insert(places.end(), {&span.begin, &span.end});
        auto place = places.begin();
        bytes.reserve(text.size() + text.size() / 8);
        for (size_t i = 0; i <= text.size(); ++i) {
            for (; place != places.end() && **place == i; ++place) **place = bytes.size();
            if (i < text.size()) add(text[i]);
        }
    }

    std::string bytes;
    std::vector<Part> own;  // the template's

 private:
    void add(char32_t c) {
        size_t begin = bytes.size();
        jinja::append_utf8(bytes, c);
        if (c & jinja::from_value) return;
        if (!own.empty() && own.back().end == begin)
            own.back().end = bytes.size();
        else
            own.push_back({begin, bytes.size()});
    }
};

// Control tokens of the template's own text, and what stands between them encoded as one.
std::vector<PlacedToken> place_tokens(const Tokenizer& tokenizer, Encoder& encoder, const ByteText& text) {
    auto is_own = [&text](std::string_view bytes) {
        auto begin = static_cast<size_t>(bytes.data() - text.bytes.data());
        auto part = std::partition_point(text.own.begin(), text.own.end(),
                                         [begin](const ByteText::Part& each) { return each.end <= begin; });
        return part != text.own.end() && part->begin <= begin && begin + bytes.size() <= part->end;
    };
    std::vector<PlacedToken> tokens;
    encoder.encode_spans(text.bytes, is_own, [&](std::span<const int32_t> ids, std::string_view bytes) {
        auto at = static_cast<size_t>(bytes.data() - text.bytes.data()), end = at + bytes.size();
        for (size_t i = 0; i < ids.size(); ++i) {
            size_t next = i + 1 < ids.size() ? std::min(at + tokenizer.bytes(ids[i]).size(), end) : end;
            tokens.push_back({ids[i], at, next, tokenizer.is_control(ids[i])});
            at = next;
        }
    });
    return tokens;
}

bool is_blank(std::string_view bytes) { return jinja::strip(jinja::text_of(bytes)).empty(); }

// Where what is to be learned ends: after the last control token, if only blanks follow it in the span.
size_t end_of_turn(std::span<const PlacedToken> tokens, std::string_view bytes, size_t end) {
    for (size_t i = tokens.size(); i-- > 0;)
        if (tokens[i].control) return is_blank(bytes.substr(tokens[i].end, end - tokens[i].end)) ? tokens[i].end : end;
    return end;
}

void mark(std::vector<uint8_t>& mask, std::span<const PlacedToken> tokens, std::string_view text,
          const LossSpan& span) {
    auto ends_by = [](const PlacedToken& token, size_t place) { return token.end <= place; };
    auto first = std::lower_bound(tokens.begin(), tokens.end(), span.begin, ends_by);
    auto last =
        std::partition_point(first, tokens.end(), [&span](const PlacedToken& token) { return token.begin < span.end; });
    size_t stop = span.whole ? span.end : end_of_turn({first, last}, text, span.end);
    for (auto token = first; token != last; ++token)
        if (token->begin < stop) mask[static_cast<size_t>(token - tokens.begin())] = 1;
}

ChatTokens ids_of(std::span<const PlacedToken> tokens) {
    ChatTokens made;
    made.ids.reserve(tokens.size());
    for (const PlacedToken& token : tokens) made.ids.push_back(token.id);
    return made;
}

}  // namespace

ChatTokens encode_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, std::span<const Message> messages,
                       const ChatOptions& options) {
    Encoder encoder(tokenizer, 0);
    ByteText text(chat.render(messages, options), {});
    return ids_of(place_tokens(tokenizer, encoder, text));
}

ChatTokens encode_training_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, Encoder& encoder,
                                std::span<const Message> messages, const ChatOptions& options) {
    TrainingText rendered = render_for_training(chat, messages, options);
    ByteText text(rendered.text, rendered.spans);
    std::vector<PlacedToken> tokens = place_tokens(tokenizer, encoder, text);
    ChatTokens made = ids_of(tokens);
    made.loss_mask.resize(made.ids.size());
    for (const LossSpan& span : rendered.spans) mark(made.loss_mask, tokens, text.bytes, span);
    return made;
}

}  // namespace puna
