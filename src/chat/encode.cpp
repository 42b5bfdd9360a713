#include "chat/encode.h"

#include <algorithm>

namespace puna {

namespace {

// Whether segments in the loss overlap ranges of the text, asked for in ascending order.
class LossRanges {
 public:
    explicit LossRanges(const Prompt& prompt) : at_(prompt.segments.begin()), end_(prompt.segments.end()) {}

    bool overlap(size_t begin, size_t end) {
        while (at_ != end_ && at_->end <= begin) ++at_;
        return std::any_of(at_, std::find_if(at_, end_, [end](auto& segment) { return segment.begin >= end; }),
                           [](const PromptSegment& segment) { return segment.in_loss; });
    }

 private:
    std::vector<PromptSegment>::const_iterator at_, end_;
};

// 1 if the vocabulary's encoding has put a space before the text (SentencePieceRules::prefix).
size_t prefix_bytes(const Tokenizer& tokenizer, std::span<const int32_t> ids, std::string_view text) {
    size_t bytes = 0;
    for (int32_t id : ids) bytes += tokenizer.bytes(id).size();
    return !ids.empty() && bytes == text.size() + 1 && tokenizer.bytes(ids[0]).starts_with(' ');
}

}  // namespace

ChatTokens encode_prompt(Encoder& encoder, const Prompt& prompt) {
    ChatTokens tokens;
    LossRanges in_loss(prompt);
    auto offset = [&](std::string_view bytes) { return static_cast<size_t>(bytes.data() - prompt.text.data()); };
    auto is_templates = [&](std::string_view bytes) {
        return !prompt.has_literal(offset(bytes), offset(bytes) + bytes.size());
    };
    encoder.encode_spans(prompt.text, is_templates, [&](std::span<const int32_t> ids, std::string_view bytes) {
        size_t at = offset(bytes), end = at + bytes.size();
        size_t prefix = prefix_bytes(encoder.tokenizer(), ids, bytes);
        for (size_t i = 0; i < ids.size(); ++i) {
            size_t size = encoder.tokenizer().bytes(ids[i]).size() - (i == 0 ? prefix : 0);
            size_t next = i + 1 < ids.size() ? std::min(at + size, end) : end;
            tokens.ids.push_back(ids[i]);
            tokens.loss_mask.push_back(in_loss.overlap(at, next));
            at = next;
        }
    });
    return tokens;
}

ChatTokens encode_chat(const ChatTemplate& chat, const Tokenizer& tokenizer, std::span<const Message> messages,
                       const ChatOptions& options) {
    Encoder encoder(tokenizer, 0);
    return encode_prompt(encoder, render_prompt(chat, messages, options));
}

}  // namespace puna
