// chat/jinja/expression_parser.h — parses the expressions of a template, with Jinja2's precedence.
//
// From the loosest binding to the tightest: if-else, or, and, not, comparisons, + -, ~, * / // %, **, then filters and
// tests, then signs, then attributes, items and calls.
#pragma once
#include "chat/jinja/syntax_tree.h"
#include "chat/jinja/token_stream.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna::jinja {

class ExpressionParser {
 public:
    struct Operator {
        std::string_view symbol;
        Expression::Operation operation;
    };

    explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

    Expression parse_expression();

    // One expression, or several with commas between them, up to the end of the tag or the name `end`.
    Expression parse_tuple(bool conditional = true, std::string_view end = "", bool may_be_empty = false);

    // | name(arguments) | ... of the subject, or of a block's text if there is none. `begun`: the first | is left out.
    Expression parse_filters(std::vector<Expression> subject, bool begun = false);

 private:
    Expression expression(Expression::Kind kind, int line, std::vector<Expression> children = {}, Value value = {});
    Expression binary(Expression::Operation operation, int line, Expression left, Expression right);
    Expression literal(Value value);
    bool ends_tuple(std::string_view end) const;
    Expression parse_or();
    Expression parse_and();
    Expression parse_not();
    Expression unary(Expression::Operation operation, int line, Expression operand);
    Expression::Operation take_comparison();
    Expression parse_comparison();
    Expression parse_binary(std::span<const Operator> known, Expression (ExpressionParser::*parse_operand)());
    Expression parse_sum();
    Expression parse_product();
    Expression parse_power();
    Expression parse_filtered();
    Expression parse_concat();
    Expression parse_unary(bool with_filters);
    Expression parse_primary();
    Expression parse_name();
    Expression parse_list();
    Expression parse_dict();
    Expression parse_postfix(Expression made);
    Expression parse_filters_and_tests(Expression made);
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
