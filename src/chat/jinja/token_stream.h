// chat/jinja/token_stream.h — the tokens of a template with one token of lookahead, for the parsers.
//
//   TokenStream stream(source, origin, limits);
//   if (!stream.take_if("(")) stream.fail_here("unexpected {}", describe(stream.current()));  // Error "origin:line: ..."
#pragma once
#include "chat/jinja/lexer.h"
#include "core/error.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace puna::jinja {

std::string describe(const Token& token);  // for error messages: "'+'", "a string", "the end of the template"

class TokenStream {
 public:
    // `source` must be normalized (normalize_newlines) and outlive the stream. Throws Error as tokenize.
    TokenStream(std::string_view source, std::string_view origin, const Limits& limits);

    const Token& current() const { return tokens_[at_]; }
    const Token& peek() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
    // Returns the current token and advances, but never beyond the last one.
    const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
    bool take_if(std::string_view symbol) { return current().is(symbol) && (take(), true); }
    bool take_name_if(std::string_view name) { return current().is_name(name) && (take(), true); }
    // Throw Error if the current token is another one.
    void expect(std::string_view symbol);
    void expect_end(Token::Kind kind);  // end_output or end_block
    std::string_view take_name();

    size_t position() const { return at_; }
    bool has_name_since(size_t position, std::string_view name) const;  // among the tokens taken since that position

    int intern(std::string_view name);  // index of the name in names()
    std::vector<std::string> names() { return std::move(names_); }
    const Limits& limits() const { return limits_; }

    // Throws Error "origin:line: ..." with the line of the current token.
    template <class... Args>
    [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const {
        fail("{}:{}: {}", origin_, current().line, fmt::format(format, std::forward<Args>(args)...));
    }

    // Bounds the recursion of the parsers, so that no template overflows the stack.
    class DepthGuard {
     public:
        explicit DepthGuard(TokenStream& stream);
        ~DepthGuard() { --stream_.depth_; }
        DepthGuard(const DepthGuard&) = delete;

     private:
        TokenStream& stream_;
    };

 private:
    std::string_view origin_;
    Limits limits_;
    std::vector<Token> tokens_;
    size_t at_ = 0;
    int depth_ = 0;
    std::vector<std::string> names_;
    std::unordered_map<std::string, int> name_indices_;
};

}  // namespace puna::jinja
