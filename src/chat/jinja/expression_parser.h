// chat/jinja/expression_parser.h — parses the expressions of a template by recursive descent.
//
// Precedence as in Jinja2, from the loosest to the tightest: if-else, or, and, not, comparisons, + -, ~, * / // %, **,
// filters and tests, unary + -, then attributes, items and calls.
#pragma once
#include "chat/jinja/syntax_tree.h"
#include "chat/jinja/token_stream.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna::jinja {

// All of them begin at the current token, leave the stream after what they parsed, and throw Error "origin:line: ...".
class ExpressionParser {
 public:
    struct Operator {
        std::string_view symbol;
        Expression::Operation operation;
    };

    explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

    Expression parse_expression();

    // One expression, or a tuple without parentheses, up to the end of the tag, `)` or the name `end`. conditional:
    // whether an if-else may stand in it without parentheses.
    Expression parse_tuple(bool conditional = true, std::string_view end = "", bool may_be_empty = false);

    // | name(arguments) | ...; without a subject (empty) they apply to the text of a block. without_first_pipe: as in
    // {% filter name %}.
    Expression parse_filters(std::vector<Expression> subject, bool without_first_pipe = false);

 private:
    Expression expression(Expression::Kind kind, int line, std::vector<Expression> children = {}, Value value = {});
    Expression unary(Expression::Operation operation, int line, Expression operand);
    Expression binary(Expression::Operation operation, int line, Expression left, Expression right);
    Expression literal(Value value);
    bool ends_tuple(std::string_view end) const;
    Expression parse_or();
    Expression parse_and();
    Expression parse_not();
    Expression::Operation take_comparison();
    Expression parse_comparison();
    Expression parse_binary(std::span<const Operator> known, Expression (ExpressionParser::*parse_operand)());
    Expression parse_sum();
    Expression parse_concat();
    Expression parse_product();
    Expression parse_power();
    Expression parse_filtered();
    Expression parse_unary(bool with_filters);
    Expression parse_primary();
    Expression parse_name();
    Expression parse_list();
    Expression parse_dict();
    Expression parse_postfix(Expression node);
    Expression parse_filters_and_tests(Expression node);
    Expression parse_attribute(Expression object);
    Expression parse_item(Expression object);
    Expression parse_subscript();
    Expression parse_slice_part();
    Expression parse_call(Expression callee);
    Expression parse_arguments(Expression::Kind kind, int line, std::vector<Expression> children, Value name = {});
    std::string take_dotted_name();
    Expression parse_test(Expression subject);
    bool begins_argument() const;

    TokenStream& stream_;
};

}  // namespace puna::jinja
