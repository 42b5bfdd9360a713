#include "tokenizer/encoder.h"

#include <algorithm>

namespace puna {

namespace {

constexpr size_t part_bytes = 1 << 20;

}  // namespace

Encoder::Encoder(const Tokenizer& tokenizer, size_t expected_bytes)
    : Encoder(tokenizer, kind_of(tokenizer.vocabulary()).make(tokenizer.vocabulary(), expected_bytes)) {}

Encoder::Encoder(const Tokenizer& tokenizer, std::unique_ptr<SubwordEncoder> subwords)
    : tokenizer_(tokenizer), subwords_(std::move(subwords)) {}

std::vector<int32_t> Encoder::encode(std::string_view text, Preceding preceding) {
    if (tokenizer_.added_tokens().finds_text()) return encode_spans(text, {}, preceding);
    return subwords_->encode(text, preceding);
}

std::vector<int32_t> Encoder::encode_with_control(std::string_view text) {
    return encode_spans(
        text, [](std::string_view) { return true; }, Preceding::nothing);
}

void Encoder::encode_spans(std::string_view text, const MayBeControl& may_be_control, const OnSpan& on_span,
                           Preceding preceding) {
    tokenizer_.added_tokens().for_each_span(
        tokenizer_.vocabulary(), text, may_be_control,
        [&](std::string_view bytes, std::optional<int32_t> id, bool begins) {
            if (id) return on_span({&*id, 1}, bytes);
            bool first = bytes.data() == text.data();
            Preceding before = !begins ? Preceding::text : first ? preceding : Preceding::added_token;
            on_span(subwords_->encode(bytes, before), bytes);
        });
}

std::vector<int32_t> Encoder::encode_spans(std::string_view text, const MayBeControl& may_be_control,
                                           Preceding preceding) {
    std::vector<int32_t> ids;
    auto append = [&ids](std::span<const int32_t> more, std::string_view) {
        ids.insert(ids.end(), more.begin(), more.end());
    };
    encode_spans(text, may_be_control, append, preceding);
    return ids;
}

void Encoder::encode_parts(std::string_view text, const std::function<void(std::span<const int32_t>, size_t)>& on_ids) {
    auto encode_between = [&](std::string_view between, bool begins) {
        for (size_t at = 0, end; at < between.size(); at = end) {
            end = tokenizer_.safe_cut()(between, std::min(at + part_bytes, between.size()));
            std::string_view part = between.substr(at, end - at);
            Preceding preceding = at > 0 || !begins            ? Preceding::text
                                  : part.data() == text.data() ? Preceding::nothing
                                                               : Preceding::added_token;
            on_ids(subwords_->encode(part, preceding), part.size());
        }
    };
    if (!tokenizer_.added_tokens().finds_text()) return encode_between(text, true);
    tokenizer_.added_tokens().for_each_span(tokenizer_.vocabulary(), text, {},
                                            [&](std::string_view bytes, std::optional<int32_t> id, bool begins) {
                                                if (!id) return encode_between(bytes, begins);
                                                on_ids({&*id, 1}, bytes.size());
                                            });
}

}  // namespace puna
