// chat/jinja/lexer.h — splits the source of a template into tokens, with Jinja2's whitespace control.
//
//   std::vector<Token> tokens = tokenize(source, origin);
//
// As with trim_blocks and lstrip_blocks: the newline after a block tag is removed, and the spaces before one at the
// start of a line. {%- and -%} strip all whitespace, {%+ and +%} keep it. Comments and {% raw %} end here.
#pragma once
#include "chat/jinja/value.h"

#include <string_view>
#include <vector>

namespace puna::jinja {

struct Token {
    enum class Kind {
        text,          // template data between tags
        begin_output,  // {{
        end_output,    // }}
        begin_block,   // {%
        end_block,     // %}
        name,
        string,
        number,
        symbol,  // operators and brackets
        end,
    };
    Kind kind;
    int line;                 // from 1
    std::string_view symbol;  // of a name or symbol; in the source or static
    Value value;              // of text, string, number

    bool is(std::string_view wanted) const { return kind == Kind::symbol && symbol == wanted; }
    bool is_name(std::string_view wanted) const { return kind == Kind::name && symbol == wanted; }
};

// The last token is `end`. `source` must be normalized (normalize_newlines) and outlive the tokens. Throws Error
// "origin:line: ..." for unterminated tags, strings and comments, unbalanced brackets and unknown characters.
std::vector<Token> tokenize(std::string_view source, std::string_view origin);

// Every \r\n and \r as \n, and without one trailing newline, as Jinja2 with keep_trailing_newline off.
std::string normalize_newlines(std::string_view source);

}  // namespace puna::jinja
