#include "chat/jinja/token_stream.h"

#include <algorithm>

namespace puna::jinja {

std::string describe(const Token& token) {
    switch (token.kind) {
        case Token::Kind::text:
            return "text";
        case Token::Kind::string:
            return "a string";
        case Token::Kind::number:
            return "a number";
        case Token::Kind::begin_output:
        case Token::Kind::begin_block:
            return "a tag";
        case Token::Kind::end_output:
        case Token::Kind::end_block:
            return "the end of the tag";
        case Token::Kind::end:
            return "the end of the template";
        default:
            return fmt::format("'{}'", printable(token.symbol));
    }
}

TokenStream::TokenStream(std::string_view source, std::string_view origin, const Limits& limits)
    : origin_(origin), limits_(limits), tokens_(tokenize(source, origin)) {}

void TokenStream::expect(std::string_view symbol) {
    if (!take_if(symbol)) fail_here("expected '{}', found {}", symbol, describe(current()));
}

void TokenStream::expect_end(Token::Kind kind) {
    if (current().kind != kind) fail_here("expected the end of the tag, found {}", describe(current()));
    take();
}

std::string_view TokenStream::take_name() {
    if (current().kind != Token::Kind::name) fail_here("expected a name, found {}", describe(current()));
    return take().symbol;
}

bool TokenStream::has_name_since(size_t position, std::string_view name) const {
    return std::any_of(tokens_.begin() + static_cast<ptrdiff_t>(position),
                       tokens_.begin() + static_cast<ptrdiff_t>(at_),
                       [name](const Token& token) { return token.is_name(name); });
}

int TokenStream::intern(std::string_view name) {
    auto [at, is_new] = name_indices_.try_emplace(std::string(name), static_cast<int>(names_.size()));
    if (is_new) names_.emplace_back(name);
    return at->second;
}

TokenStream::DepthGuard::DepthGuard(TokenStream& stream) : stream_(stream) {
    int limit = stream.limits_.depth / 4;
    if (++stream_.depth_ > limit) stream_.fail_here("blocks and expressions nest more than {} deep", limit);
}

}  // namespace puna::jinja
