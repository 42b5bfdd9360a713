// chat/jinja/token_stream.h — the tokens of a template, read one after the other by its parsers.
//
//   TokenStream stream(source, place, limits);
//   if (!stream.take_if("(")) stream.refuse("unexpected {}", shown(stream.here()));       // throws Error with the place and the line
#pragma once
#include "chat/jinja/lexer.h"
#include "core/error.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace puna::jinja {

std::string shown(const Token& token);  // for messages

class TokenStream {
 public:
    // `source` must be clean (clean_source) and outlive the stream.
    TokenStream(std::string_view source, std::string_view place, const Limits& limits);

    const Token& here() const { return tokens_[at_]; }
    const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
    const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }  // the last one stays
    bool take_if(std::string_view symbol) { return here().is(symbol) && (take(), true); }
    bool take_name_if(std::string_view name) { return here().is_name(name) && (take(), true); }
    void expect(std::string_view symbol);
    void expect_end(Token::Kind kind);  // of a tag
    std::string_view take_name();

    size_t place() const { return at_; }
    bool names_since(size_t place, std::string_view name) const;  // whether a token from there on is that name

    int intern(std::string_view name);  // its number
    std::vector<std::string> names() { return std::move(names_); }
    const Limits& limits() const { return limits_; }

    template <class... Args>
    [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
        fail("{}:{}: {}", place_, here().line, fmt::format(format, std::forward<Args>(args)...));
    }

    // Counts what is open at once, so that no template overflows the stack.
    class Nested {
     public:
        explicit Nested(TokenStream& stream);
        ~Nested() { --stream_.nested_; }
        Nested(const Nested&) = delete;

     private:
        TokenStream& stream_;
    };

 private:
    std::string_view place_;
    Limits limits_;
    std::vector<Token> tokens_;
    size_t at_ = 0;
    int nested_ = 0;
    std::vector<std::string> names_;
    std::unordered_map<std::string, int> numbers_;
};

}  // namespace puna::jinja
