#include "chat/encode.h"

#include "chat/jinja/python_str.h"
#include "chat/loss_spans.h"

#include <algorithm>

namespace puna {

namespace {

using jinja::Text;

struct TokenSpan {
    int32_t id;
    size_t begin, end;  // bytes of the text
    bool control;
};

// A text as UTF-8, and which of its bytes the template itself wrote.
struct Utf8Text {
    struct Range {
        size_t begin, end;
    };

    // Converts the bounds of the spans, which are ascending, from characters to bytes.
    Utf8Text(const Text& text, std::span<LossSpan> spans) {
        std::vector<size_t*> bounds;
        for (LossSpan& span : spans) bounds.insert(bounds.end(), {&span.begin, &span.end});
        auto bound = bounds.begin();
        bytes.reserve(text.size() + text.size() / 8);
        for (size_t i = 0; i <= text.size(); ++i) {
            for (; bound != bounds.end() && **bound == i; ++bound) **bound = bytes.size();
            if (i < text.size()) add(text[i]);
        }
    }

    std::string bytes;
    std::vector<Range> from_template;  // ascending

 private:
    void add(char32_t c) {
        size_t begin = bytes.size();
        jinja::append_utf8(bytes, c);
        if (c & jinja::from_value) return;
        if (!from_template.empty() && from_template.back().end == begin)
            from_template.back().end = bytes.size();
        else
            from_template.push_back({begin, bytes.size()});
    }
};

// Control tokens only where the template wrote them; the text between them is encoded as one piece.
std::vector<TokenSpan> encode_text(const Tokenizer& tokenizer, Encoder& encoder, const Utf8Text& text) {
    auto is_from_template = [&text](std::string_view bytes) {
        auto begin = static_cast<size_t>(bytes.data() - text.bytes.data());
        auto range = std::partition_point(text.from_template.begin(), text.from_template.end(),
                                          [begin](const Utf8Text::Range& each) { return each.end <= begin; });
        return range != text.from_template.end() && range->begin <= begin && begin + bytes.size() <= range->end;
    };
    std::vector<TokenSpan> tokens;
    encoder.encode_spans(text.bytes, is_from_template, [&](std::span<const int32_t> ids, std::string_view bytes) {
        auto at = static_cast<size_t>(bytes.data() - text.bytes.data()), end = at + bytes.size();
        for (size_t i = 0; i < ids.size(); ++i) {
            size_t next = i + 1 < ids.size() ? std::min(at + tokenizer.bytes(ids[i]).size(), end) : end;
            tokens.push_back({ids[i], at, next, tokenizer.is_control(ids[i])});
            at = next;
        }
    });
    return tokens;
}

bool is_whitespace(std::string_view bytes) { return jinja::strip(jinja::text_of(bytes)).empty(); }

// The end of the loss in a span: after its last control token, if only whitespace follows that.
size_t end_of_turn(std::span<const TokenSpan> tokens, std::string_view bytes, size_t end) {
    for (size_t i = tokens.size(); i-- > 0;)
        if (tokens[i].control)
            return is_whitespace(bytes.substr(tokens[i].end, end - tokens[i].end)) ? tokens[i].end : end;
    return end;
}

void add_to_mask(std::vector<uint8_t>& mask, std::span<const TokenSpan> tokens, std::string_view text,
                 const LossSpan& span) {
    auto ends_by = [](const TokenSpan& token, size_t position) { return token.end <= position; };
    auto first = std::lower_bound(tokens.begin(), tokens.end(), span.begin, ends_by);
    auto last =
        std::partition_point(first, tokens.end(), [&span](const TokenSpan& token) { return token.begin < span.end; });
    size_t stop = span.whole ? span.end : end_of_turn({first, last}, text, span.end);
    for (auto token = first; token != last; ++token)
        if (token->begin < stop) mask[static_cast<size_t>(token - tokens.begin())] = 1;
}

ChatTokens ids_of(std::span<const TokenSpan> tokens) {
    ChatTokens result;
    result.ids.reserve(tokens.size());
    for (const TokenSpan& token : tokens) result.ids.push_back(token.id);
    return result;
}

}  // namespace

ChatTokens encode_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, std::span<const Message> messages,
                       const ChatOptions& options) {
    Encoder encoder(tokenizer, 0);
    Utf8Text text(chat.render(messages, options), {});
    return ids_of(encode_text(tokenizer, encoder, text));
}

ChatTokens encode_training_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, Encoder& encoder,
                                std::span<const Message> messages, const ChatOptions& options) {
    TrainingText rendered = render_for_training(chat, messages, options);
    Utf8Text text(rendered.text, rendered.spans);
    std::vector<TokenSpan> tokens = encode_text(tokenizer, encoder, text);
    ChatTokens result = ids_of(tokens);
    result.loss_mask.resize(result.ids.size());
    for (const LossSpan& span : rendered.spans) add_to_mask(result.loss_mask, tokens, text.bytes, span);
    return result;
}

}  // namespace puna
