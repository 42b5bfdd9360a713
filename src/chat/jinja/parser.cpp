#include "chat/jinja/expression_parser.h"
#include "chat/jinja/jinja.h"
#include "core/error.h"

#include <algorithm>
#include <initializer_list>

namespace puna::jinja {

namespace {

using Words = std::initializer_list<std::string_view>;

// The statements of a template; what stands in them between tags and in expressions is read by others.
class Parser {
 public:
    explicit Parser(TokenStream& stream) : stream_(stream), expressions_(stream) {}

    Tree parse(std::string_view place) {
        Tree tree{.place = std::string(place), .body = parse_body({}), .has_generation = has_generation_};
        tree.names = stream_.names();
        return tree;
    }

 private:
    // Up to a block tag that begins with one of these words; it is then read up to the word.
    std::vector<Statement> parse_body(Words ends) {
        TokenStream::Nested nested(stream_);
        std::vector<Statement> body;
        while (true) {
            const Token& token = stream_.take();
            if (token.kind == Token::Kind::text) {
                body.push_back({.kind = Statement::Kind::text, .line = token.line, .text = token.value.text()});
            } else if (token.kind == Token::Kind::begin_output) {
                body.push_back(statement(Statement::Kind::output, token.line));
                body.back().expressions.push_back(expressions_.parse_tuple());
                stream_.expect_end(Token::Kind::end_output);
            } else if (token.kind == Token::Kind::end) {
                if (ends.size() > 0)
                    stream_.refuse("the template ends, where {{% {} %}} was expected", *std::prev(ends.end()));
                return body;
            } else {
                if (std::any_of(ends.begin(), ends.end(), [&](auto end) { return stream_.here().is_name(end); }))
                    return body;
                body.push_back(parse_statement(ends));
            }
        }
    }

    Statement statement(Statement::Kind kind, int line) { return {.kind = kind, .line = line}; }

    // The body of a block, and its last tag.
    std::vector<Statement> parse_block(std::string_view end) {
        stream_.expect_end(Token::Kind::end_block);
        std::vector<Statement> body = parse_body({end});
        stream_.take();
        stream_.expect_end(Token::Kind::end_block);
        return body;
    }

    Statement parse_statement(Words ends) {
        struct Tag {
            std::string_view name;
            Statement (Parser::*parse)();
        };
        static constexpr Tag tags[] = {{"if", &Parser::parse_if},           {"for", &Parser::parse_for},
                                       {"set", &Parser::parse_set},         {"macro", &Parser::parse_macro},
                                       {"call", &Parser::parse_call_block}, {"filter", &Parser::parse_filter_block},
                                       {"with", &Parser::parse_with},       {"generation", &Parser::parse_generation},
                                       {"break", &Parser::parse_jump},      {"continue", &Parser::parse_jump}};
        for (const Tag& tag : tags)
            if (stream_.here().is_name(tag.name)) return (this->*tag.parse)();
        if (stream_.here().kind == Token::Kind::name && ends.size() > 0)
            stream_.refuse("{{% {} %}} is not supported, or not here, where {{% {} %}} was expected",
                           printable(stream_.here().symbol), *std::prev(ends.end()));
        stream_.refuse("{{% {} %}} is not supported here", printable(stream_.here().symbol));
    }

    Statement parse_if() {
        Statement made = statement(Statement::Kind::if_else, stream_.take().line);
        made.expressions.push_back(expressions_.parse_tuple(false));
        stream_.expect_end(Token::Kind::end_block);
        made.body = parse_body({"elif", "else", "endif"});
        if (stream_.here().is_name("elif")) {
            TokenStream::Nested nested(stream_);
            made.otherwise.push_back(parse_if());
            return made;
        }
        if (stream_.take_name_if("else"))
            made.otherwise = parse_block("endif");
        else
            stream_.take(), stream_.expect_end(Token::Kind::end_block);
        return made;
    }

    Statement parse_for() {
        Statement made = statement(Statement::Kind::for_loop, stream_.take().line);
        made.targets.push_back(parse_targets("in"));
        if (!stream_.take_name_if("in")) stream_.refuse("{} where 'in' was expected", shown(stream_.here()));
        made.expressions.push_back(expressions_.parse_tuple(false, "recursive"));
        if (stream_.take_name_if("if")) made.expressions.push_back(expressions_.parse_expression());
        made.recursive = stream_.take_name_if("recursive");
        stream_.expect_end(Token::Kind::end_block);
        ++loops_;
        made.body = parse_body({"else", "endfor"});
        --loops_;
        if (stream_.take_name_if("else"))
            made.otherwise = parse_block("endfor");
        else
            stream_.take(), stream_.expect_end(Token::Kind::end_block);
        return made;
    }

    Statement parse_set() {
        Statement made = statement(Statement::Kind::set, stream_.take().line);
        made.targets.push_back(parse_targets(""));
        if (stream_.take_if("=")) {
            made.expressions.push_back(expressions_.parse_tuple());
            stream_.expect_end(Token::Kind::end_block);
            return made;
        }
        made.kind = Statement::Kind::set_block;
        if (stream_.here().is("|")) made.expressions.push_back(expressions_.parse_filters({}));
        made.body = parse_function_body("endset");
        return made;
    }

    // Of a block whose text is a value: no break or continue reaches out of it.
    std::vector<Statement> parse_function_body(std::string_view end) {
        int outside = std::exchange(loops_, 0);
        std::vector<Statement> body = parse_block(end);
        loops_ = outside;
        return body;
    }

    void parse_parameters(Statement& made) {
        stream_.expect("(");
        while (!stream_.here().is(")")) {
            if (!made.parameters.empty()) stream_.expect(",");
            made.parameters.push_back({stream_.intern(stream_.take_name()), stream_.take_if("=")});
            if (made.parameters.back().has_default)
                made.expressions.push_back(expressions_.parse_expression());
            else if (!made.expressions.empty())
                stream_.refuse("a parameter without a default after one that has it");
        }
        stream_.expect(")");
    }

    Statement parse_macro() {
        Statement made = statement(Statement::Kind::macro, stream_.take().line);
        made.name = stream_.intern(stream_.take_name());
        parse_parameters(made);
        size_t begin = stream_.place();
        made.body = parse_function_body("endmacro");
        made.takes_varargs = stream_.names_since(begin, "varargs");
        made.takes_kwargs = stream_.names_since(begin, "kwargs");
        made.takes_caller = stream_.names_since(begin, "caller");
        return made;
    }

    Statement parse_call_block() {
        Statement made = statement(Statement::Kind::call_block, stream_.take().line);
        made.name = name_caller;
        if (stream_.here().is("(")) parse_parameters(made);
        made.expressions.push_back(expressions_.parse_expression());
        if (made.expressions.back().kind != Expression::Kind::call)
            stream_.refuse("{{% call %}} is not followed by the call of a macro");
        made.body = parse_function_body("endcall");
        return made;
    }

    Statement parse_filter_block() {
        Statement made = statement(Statement::Kind::filter, stream_.take().line);
        made.expressions.push_back(expressions_.parse_filters({}, true));
        made.body = parse_function_body("endfilter");
        return made;
    }

    Statement parse_with() {
        Statement made = statement(Statement::Kind::with, stream_.take().line);
        while (stream_.here().kind != Token::Kind::end_block) {
            if (!made.targets.empty()) stream_.expect(",");
            made.targets.push_back(parse_targets(""));
            stream_.expect("=");
            made.expressions.push_back(expressions_.parse_expression());
        }
        made.body = parse_block("endwith");
        return made;
    }

    Statement parse_generation() {
        Statement made = statement(Statement::Kind::generation, stream_.take().line);
        has_generation_ = true;
        made.body = parse_function_body("endgeneration");
        return made;
    }

    Statement parse_jump() {
        const Token& token = stream_.take();
        if (loops_ == 0) stream_.refuse("{{% {} %}} outside of a loop", token.symbol);
        bool breaks = token.symbol == "break";
        stream_.expect_end(Token::Kind::end_block);
        return statement(breaks ? Statement::Kind::break_loop : Statement::Kind::continue_loop, token.line);
    }

    // A name, an attribute of a namespace, or several with commas between them.
    Target parse_targets(std::string_view end) {
        TokenStream::Nested nested(stream_);
        Target target = parse_target();
        if (!stream_.here().is(",")) return target;
        Target tuple;
        tuple.parts.push_back(std::move(target));
        while (stream_.take_if(",")) {
            if (stream_.here().is_name(end) || stream_.here().is("=") || stream_.here().is(")")) break;
            tuple.parts.push_back(parse_target());
        }
        return tuple;
    }

    Target parse_target() {
        if (stream_.take_if("(")) {
            Target tuple = parse_targets("");
            stream_.expect(")");
            return tuple;
        }
        std::string_view name = stream_.take_name();
        for (std::string_view reserved : {"true", "True", "false", "False", "none", "None"})
            if (name == reserved) stream_.refuse("'{}' cannot be assigned to", name);
        Target target{.name = stream_.intern(name)};
        if (stream_.take_if(".")) target.attribute = text_of(stream_.take_name());
        return target;
    }

    TokenStream& stream_;
    ExpressionParser expressions_;
    int loops_ = 0;  // that a break would leave
    bool has_generation_ = false;
};

}  // namespace

Tree parse(std::string_view source, std::string_view place, const Limits& limits) {
    if (source.size() > limits.source)
        fail("{}: a template of {} bytes: more than {} are not read", place, source.size(), limits.source);
    std::string clean = clean_source(source);
    TokenStream stream(clean, place, limits);
    for (const char* name : {"loop", "caller", "varargs", "kwargs"}) stream.intern(name);
    return Parser(stream).parse(place);
}

}  // namespace puna::jinja
