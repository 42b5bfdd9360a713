// chat/jinja/lexer.h — a template cut into tokens, with Jinja2's rules for the white space around tags.
//
//   std::vector<Token> tokens = tokenize(source, place);
//
// As with trim_blocks and lstrip_blocks: the newline after a block tag goes, and the blanks before one that stands
// alone on its line. Throws Error, "place:line: ...".
#pragma once
#include "chat/jinja/value.h"

#include <string_view>
#include <vector>

namespace puna::jinja {

struct Token {
    enum class Kind {
        text,  // between tags
        begin_output,
        end_output,
        begin_block,
        end_block,
        name,
        string,
        number,
        symbol,
        end,
    };
    Kind kind;
    int line;
    std::string_view symbol;  // name, symbol; in static storage or the source
    Value value;              // text, string, number

    bool is(std::string_view wanted) const { return kind == Kind::symbol && symbol == wanted; }
    bool is_name(std::string_view wanted) const { return kind == Kind::name && symbol == wanted; }
};

// The last token is `end`. `source` must be clean (clean_source) and outlive the tokens.
std::vector<Token> tokenize(std::string_view source, std::string_view place);

// With \n for every line end, without the last one.
std::string clean_source(std::string_view source);

}  // namespace puna::jinja
