#include "chat/jinja/token_stream.h"

#include <algorithm>

namespace puna::jinja {

std::string shown(const Token& token) {
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

TokenStream::TokenStream(std::string_view source, std::string_view place, const Limits& limits)
    : place_(place), limits_(limits), tokens_(tokenize(source, place)) {}

void TokenStream::expect(std::string_view symbol) {
    if (!take_if(symbol)) refuse("{} where '{}' was expected", shown(here()), symbol);
}

void TokenStream::expect_end(Token::Kind kind) {
    if (here().kind != kind) refuse("{} where the end of the tag was expected", shown(here()));
    take();
}

std::string_view TokenStream::take_name() {
    if (here().kind != Token::Kind::name) refuse("{} where a name was expected", shown(here()));
    return take().symbol;
}

bool TokenStream::names_since(size_t place, std::string_view name) const {
    return std::any_of(tokens_.begin() + static_cast<ptrdiff_t>(place), tokens_.begin() + static_cast<ptrdiff_t>(at_),
                       [name](const Token& token) { return token.is_name(name); });
}

int TokenStream::intern(std::string_view name) {
    auto [at, is_new] = numbers_.try_emplace(std::string(name), static_cast<int>(names_.size()));
    if (is_new) names_.emplace_back(name);
    return at->second;
}

TokenStream::Nested::Nested(TokenStream& stream) : stream_(stream) {
    int most = stream.limits_.depth / 4;
    if (++stream_.nested_ > most) stream_.refuse("nested more than {} deep", most);
}

}  // namespace puna::jinja
