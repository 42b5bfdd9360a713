#include "chat/jinja/builtins.h"
#include "chat/jinja/expression_parser.h"
#include "chat/jinja/jinja.h"
#include "core/error.h"

#include <algorithm>
#include <initializer_list>

namespace puna::jinja {

namespace {

using TagNames = std::initializer_list<std::string_view>;

// Parses the statements of a template by recursive descent; expressions are left to the ExpressionParser.
class Parser {
 public:
    explicit Parser(TokenStream& stream) : stream_(stream), expressions_(stream) {}

    Tree parse(std::string_view origin) {
        Tree tree{.origin = std::string(origin), .body = parse_body({}), .has_generation = has_generation_};
        tree.names = stream_.names();
        return tree;
    }

 private:
    // Statements up to a block tag with one of these names, which becomes the current token; without names: to the end.
    std::vector<Statement> parse_body(TagNames ends) {
        TokenStream::DepthGuard guard(stream_);
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
                    stream_.fail_here("expected {{% {} %}}, found the end of the template", *std::prev(ends.end()));
                return body;
            } else {
                if (std::any_of(ends.begin(), ends.end(), [&](auto end) { return stream_.current().is_name(end); }))
                    return body;
                body.push_back(parse_statement(ends));
            }
        }
    }

    Statement statement(Statement::Kind kind, int line) { return {.kind = kind, .line = line}; }

    // The rest of the opening tag, the body and the closing tag.
    std::vector<Statement> parse_block(std::string_view end) {
        stream_.expect_end(Token::Kind::end_block);
        std::vector<Statement> body = parse_body({end});
        stream_.take();
        stream_.expect_end(Token::Kind::end_block);
        return body;
    }

    Statement parse_statement(TagNames ends) {
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
            if (stream_.current().is_name(tag.name)) return (this->*tag.parse)();
        fail_tag(ends);
    }

    // The tag begins no statement.
    [[noreturn]] void fail_tag(TagNames ends) {
        const Token& name = stream_.current();
        if (name.kind != Token::Kind::name) stream_.fail_here("expected the name of a tag, found {}", describe(name));
        if (!name.is_name("else") && !name.is_name("elif") && !name.symbol.starts_with("end"))
            stream_.fail_here("{{% {} %}} is not supported", printable(name.symbol));
        if (ends.size() == 0) stream_.fail_here("unexpected {{% {} %}}", printable(name.symbol));
        stream_.fail_here("expected {{% {} %}}, found {{% {} %}}", *std::prev(ends.end()), printable(name.symbol));
    }

    Statement parse_if() {
        Statement node = statement(Statement::Kind::if_else, stream_.take().line);
        node.expressions.push_back(expressions_.parse_tuple(false));
        stream_.expect_end(Token::Kind::end_block);
        node.body = parse_body({"elif", "else", "endif"});
        if (stream_.current().is_name("elif")) {
            TokenStream::DepthGuard guard(stream_);
            node.else_body.push_back(parse_if());
            return node;
        }
        parse_else(node, "endif");
        return node;
    }

    // From the name `else` or `end` on.
    void parse_else(Statement& node, std::string_view end) {
        if (stream_.take_name_if("else")) {
            node.else_body = parse_block(end);
        } else {
            stream_.take();
            stream_.expect_end(Token::Kind::end_block);
        }
    }

    Statement parse_for() {
        Statement node = statement(Statement::Kind::for_loop, stream_.take().line);
        ++for_depth_;
        node.targets.push_back(parse_targets("in"));
        if (!stream_.take_name_if("in")) stream_.fail_here("expected 'in', found {}", describe(stream_.current()));
        node.expressions.push_back(expressions_.parse_tuple(false, "recursive"));
        if (stream_.take_name_if("if")) node.expressions.push_back(expressions_.parse_expression());
        node.recursive = stream_.take_name_if("recursive");
        stream_.expect_end(Token::Kind::end_block);
        ++loop_depth_;
        node.body = parse_body({"else", "endfor"});
        --loop_depth_;
        parse_else(node, "endfor");
        --for_depth_;
        return node;
    }

    Statement parse_set() {
        Statement node = statement(Statement::Kind::set, stream_.take().line);
        node.targets.push_back(parse_targets(""));
        if (stream_.take_if("=")) {
            node.expressions.push_back(expressions_.parse_tuple());
            stream_.expect_end(Token::Kind::end_block);
            return node;
        }
        node.kind = Statement::Kind::set_block;
        if (stream_.current().is("|")) node.expressions.push_back(expressions_.parse_filters({}));
        node.body = parse_function_body("endset");
        return node;
    }

    // The body of a block that is rendered to a string: break and continue cannot leave it.
    std::vector<Statement> parse_function_body(std::string_view end) {
        int outer_loops = std::exchange(loop_depth_, 0);
        std::vector<Statement> body = parse_block(end);
        loop_depth_ = outer_loops;
        return body;
    }

    void parse_parameters(Statement& node) {
        stream_.expect("(");
        while (!stream_.current().is(")")) {
            if (!node.parameters.empty()) stream_.expect(",");
            auto name = stream_.intern(stream_.take_name());
            if (std::any_of(node.parameters.begin(), node.parameters.end(), [name](auto& p) { return p.name == name; }))
                stream_.fail_here("a parameter is there twice");
            node.parameters.push_back({name, stream_.take_if("=")});
            if (node.parameters.back().has_default)
                node.expressions.push_back(expressions_.parse_expression());
            else if (!node.expressions.empty())
                stream_.fail_here("a parameter without a default follows one with a default");
        }
        stream_.expect(")");
    }

    Statement parse_macro() {
        Statement node = statement(Statement::Kind::macro, stream_.take().line);
        node.name = stream_.intern(stream_.take_name());
        parse_parameters(node);
        size_t begin = stream_.position();
        node.body = parse_function_body("endmacro");
        node.takes_varargs = stream_.has_name_since(begin, "varargs");
        node.takes_kwargs = stream_.has_name_since(begin, "kwargs");
        node.takes_caller = stream_.has_name_since(begin, "caller");
        return node;
    }

    Statement parse_call_block() {
        Statement node = statement(Statement::Kind::call_block, stream_.take().line);
        node.name = name_caller;
        if (stream_.current().is("(")) parse_parameters(node);
        node.expressions.push_back(expressions_.parse_expression());
        if (node.expressions.back().kind != Expression::Kind::call)
            stream_.fail_here("expected the call of a macro in {{% call %}}");
        node.body = parse_function_body("endcall");
        return node;
    }

    Statement parse_filter_block() {
        Statement node = statement(Statement::Kind::filter, stream_.take().line);
        node.expressions.push_back(expressions_.parse_filters({}, true));
        node.body = parse_function_body("endfilter");
        return node;
    }

    Statement parse_with() {
        Statement node = statement(Statement::Kind::with, stream_.take().line);
        while (stream_.current().kind != Token::Kind::end_block) {
            if (!node.targets.empty()) stream_.expect(",");
            int outer = std::exchange(for_depth_, 0);  // a name of its own
            node.targets.push_back(parse_targets(""));
            for_depth_ = outer;
            stream_.expect("=");
            node.expressions.push_back(expressions_.parse_expression());
        }
        node.body = parse_block("endwith");
        return node;
    }

    Statement parse_generation() {
        Statement node = statement(Statement::Kind::generation, stream_.take().line);
        has_generation_ = true;
        node.body = parse_function_body("endgeneration");
        return node;
    }

    Statement parse_jump() {
        const Token& token = stream_.take();
        if (loop_depth_ == 0) stream_.fail_here("{{% {} %}} outside of a loop", token.symbol);
        bool breaks = token.symbol == "break";
        stream_.expect_end(Token::Kind::end_block);
        return statement(breaks ? Statement::Kind::break_loop : Statement::Kind::continue_loop, token.line);
    }

    // One target or several, separated by commas, up to `=`, `)` or the name `end`.
    Target parse_targets(std::string_view end) {
        TokenStream::DepthGuard guard(stream_);
        Target target = parse_target();
        if (!stream_.current().is(",")) return target;
        Target tuple;
        tuple.parts.push_back(std::move(target));
        while (stream_.take_if(",")) {
            if (stream_.current().is_name(end) || stream_.current().is("=") || stream_.current().is(")")) break;
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
            if (name == reserved) stream_.fail_here("cannot assign to '{}'", name);
        Target target{.name = stream_.intern(name)};
        if (stream_.take_if("."))
            target.attribute = text_of(stream_.take_name());
        else if (name == "loop" && for_depth_ > 0)
            stream_.fail_here("cannot assign to 'loop' in a loop");
        return target;
    }

    TokenStream& stream_;
    ExpressionParser expressions_;
    int loop_depth_ = 0;  // loops that a break could leave
    int for_depth_ = 0;   // all loops
    bool has_generation_ = false;
};

}  // namespace

Tree parse(std::string_view source, std::string_view origin, const Limits& limits) {
    if (source.size() > limits.source)
        fail("{}: the template has {} bytes, the limit is {}", origin, source.size(), limits.source);
    std::string normalized = normalize_newlines(source);
    TokenStream stream(normalized, origin, limits);
    for (const char* name : {"loop", "caller", "varargs", "kwargs"}) stream.intern(name);
    Tree tree = Parser(stream).parse(origin);
    check_names(tree);
    return tree;
}

}  // namespace puna::jinja
