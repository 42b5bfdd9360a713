#include "chat/jinja/expression_parser.h"

#include <algorithm>

namespace puna::jinja {

using Kind = Expression::Kind;
using Operation = Expression::Operation;

namespace {

using Operator = ExpressionParser::Operator;
constexpr Operator sums[] = {{"+", Operation::add}, {"-", Operation::subtract}};
constexpr Operator products[] = {
    {"*", Operation::multiply}, {"/", Operation::divide}, {"//", Operation::floor_divide}, {"%", Operation::modulo}};
constexpr Operator powers[] = {{"**", Operation::power}};
constexpr Operator comparisons[] = {{"==", Operation::equal},  {"!=", Operation::not_equal},
                                    {"<", Operation::less},    {"<=", Operation::less_equal},
                                    {">", Operation::greater}, {">=", Operation::greater_equal}};

template <class... Children>
std::vector<Expression> children_of(Children... children) {
    std::vector<Expression> list;
    list.reserve(sizeof...(children));
    (list.push_back(std::move(children)), ...);
    return list;
}

}  // namespace

Expression ExpressionParser::expression(Kind kind, int line, std::vector<Expression> children, Value value) {
    Expression node{.kind = kind, .line = line, .value = std::move(value), .children = std::move(children)};
    for (const Expression& child : node.children) node.depth = std::max<uint16_t>(node.depth, child.depth + 1);
    if (node.depth > stream_.limits().depth)
        stream_.fail_here("an expression nests more than {} operations: split it", stream_.limits().depth);
    return node;
}

Expression ExpressionParser::binary(Operation operation, int line, Expression left, Expression right) {
    Expression node = expression(Kind::binary, line, children_of(std::move(left), std::move(right)));
    node.operation = operation;
    return node;
}

Expression ExpressionParser::literal(Value value) {
    return expression(Kind::literal, stream_.current().line, {}, std::move(value));
}

bool ExpressionParser::ends_tuple(std::string_view end) const {
    Token::Kind kind = stream_.current().kind;
    return kind == Token::Kind::end_output || kind == Token::Kind::end_block || stream_.current().is(")") ||
           stream_.current().is_name(end);
}

Expression ExpressionParser::parse_tuple(bool conditional, std::string_view end, bool may_be_empty) {
    int line = stream_.current().line;
    std::vector<Expression> items;
    bool is_tuple = false;
    while (!ends_tuple(end)) {
        items.push_back(conditional ? parse_expression() : parse_or());
        if (!stream_.take_if(",")) break;
        is_tuple = true;
    }
    if (!is_tuple && items.size() == 1) return std::move(items[0]);
    if (!is_tuple && !may_be_empty) stream_.fail_here("expected an expression, found {}", describe(stream_.current()));
    return expression(Kind::tuple, line, std::move(items));
}

Expression ExpressionParser::parse_expression() {
    TokenStream::DepthGuard guard(stream_);
    Expression value = parse_or();
    while (stream_.current().is_name("if")) {
        int line = stream_.take().line;
        Expression condition = parse_or();
        std::vector<Expression> children = children_of(std::move(condition), std::move(value));
        if (stream_.take_name_if("else")) children.push_back(parse_expression());
        value = expression(Kind::conditional, line, std::move(children));
    }
    return value;
}

Expression ExpressionParser::parse_or() {
    Expression left = parse_and();
    while (stream_.current().is_name("or")) {
        int line = stream_.take().line;
        left = binary(Operation::logical_or, line, std::move(left), parse_and());
    }
    return left;
}

Expression ExpressionParser::parse_and() {
    Expression left = parse_not();
    while (stream_.current().is_name("and")) {
        int line = stream_.take().line;
        left = binary(Operation::logical_and, line, std::move(left), parse_not());
    }
    return left;
}

Expression ExpressionParser::parse_not() {
    if (!stream_.current().is_name("not")) return parse_comparison();
    TokenStream::DepthGuard guard(stream_);
    int line = stream_.take().line;
    return unary(Operation::logical_not, line, parse_not());
}

Expression ExpressionParser::unary(Operation operation, int line, Expression operand) {
    Expression node = expression(Kind::unary, line, children_of(std::move(operand)));
    node.operation = operation;
    return node;
}

Operation ExpressionParser::take_comparison() {
    for (const Operator& known : comparisons)
        if (stream_.take_if(known.symbol)) return known.operation;
    if (stream_.take_name_if("in")) return Operation::in;
    if (!stream_.current().is_name("not") || !stream_.peek().is_name("in")) return Operation::none;
    stream_.take(), stream_.take();
    return Operation::not_in;
}

Expression ExpressionParser::parse_comparison() {
    int line = stream_.current().line;
    std::vector<Expression> operands = children_of(parse_sum());
    std::vector<Operation> operations;
    for (Operation operation; (operation = take_comparison()) != Operation::none;) {
        operations.push_back(operation);
        operands.push_back(parse_sum());
    }
    if (operations.empty()) return std::move(operands[0]);
    Expression node = expression(Kind::compare, line, std::move(operands));
    node.operations = std::move(operations);
    return node;
}

Expression ExpressionParser::parse_binary(std::span<const Operator> known,
                                          Expression (ExpressionParser::*parse_operand)()) {
    Expression left = (this->*parse_operand)();
    while (true) {
        auto found =
            std::find_if(known.begin(), known.end(), [&](const Operator& o) { return stream_.current().is(o.symbol); });
        if (found == known.end()) return left;
        int line = stream_.take().line;
        left = binary(found->operation, line, std::move(left), (this->*parse_operand)());
    }
}

Expression ExpressionParser::parse_sum() { return parse_binary(sums, &ExpressionParser::parse_concat); }
Expression ExpressionParser::parse_product() { return parse_binary(products, &ExpressionParser::parse_power); }
Expression ExpressionParser::parse_power() { return parse_binary(powers, &ExpressionParser::parse_filtered); }
Expression ExpressionParser::parse_filtered() { return parse_unary(true); }

Expression ExpressionParser::parse_concat() {
    int line = stream_.current().line;
    std::vector<Expression> parts = children_of(parse_product());
    while (stream_.take_if("~")) parts.push_back(parse_product());
    return parts.size() == 1 ? std::move(parts[0]) : expression(Kind::concat, line, std::move(parts));
}

Expression ExpressionParser::parse_unary(bool with_filters) {
    TokenStream::DepthGuard guard(stream_);
    Expression node;
    if (stream_.current().is("-") || stream_.current().is("+")) {
        Operation operation = stream_.current().is("-") ? Operation::subtract : Operation::add;
        int line = stream_.take().line;
        node = unary(operation, line, parse_unary(false));
    } else {
        node = parse_primary();
    }
    node = parse_postfix(std::move(node));
    return with_filters ? parse_filters_and_tests(std::move(node)) : node;
}

Expression ExpressionParser::parse_primary() {
    const Token& token = stream_.current();
    if (token.kind == Token::Kind::name) return parse_name();
    if (token.kind == Token::Kind::number) return literal(stream_.take().value);
    if (token.kind == Token::Kind::string) {
        Text text;
        while (stream_.current().kind == Token::Kind::string) text += stream_.take().value.text();
        return literal(std::move(text));
    }
    if (token.is("[")) return parse_list();
    if (token.is("{")) return parse_dict();
    if (!stream_.take_if("(")) stream_.fail_here("expected an expression, found {}", describe(token));
    Expression node = parse_tuple(true, "", true);
    stream_.expect(")");
    return node;
}

Expression ExpressionParser::parse_name() {
    std::string_view name = stream_.current().symbol;
    Expression node = literal(None{});
    stream_.take();
    if (name == "true" || name == "True" || name == "false" || name == "False") {
        node.value = name == "true" || name == "True";
    } else if (name != "none" && name != "None") {
        node.kind = Kind::name;
        node.name = stream_.intern(name);
    }
    return node;
}

Expression ExpressionParser::parse_list() {
    int line = stream_.take().line;
    std::vector<Expression> items;
    while (!stream_.current().is("]")) {
        items.push_back(parse_expression());
        if (!stream_.take_if(",")) break;
    }
    stream_.expect("]");
    return expression(Kind::list, line, std::move(items));
}

Expression ExpressionParser::parse_dict() {
    int line = stream_.take().line;
    std::vector<Expression> items;
    while (!stream_.current().is("}")) {
        items.push_back(parse_expression());
        stream_.expect(":");
        items.push_back(parse_expression());
        if (!stream_.take_if(",")) break;
    }
    stream_.expect("}");
    return expression(Kind::dict, line, std::move(items));
}

Expression ExpressionParser::parse_postfix(Expression node) {
    while (true) {
        if (stream_.current().is("."))
            node = parse_attribute(std::move(node));
        else if (stream_.current().is("["))
            node = parse_item(std::move(node));
        else if (stream_.current().is("("))
            node = parse_call(std::move(node));
        else
            return node;
    }
}

Expression ExpressionParser::parse_filters_and_tests(Expression node) {
    while (true) {
        if (stream_.current().is("|"))
            node = parse_filters(children_of(std::move(node)));
        else if (stream_.current().is_name("is"))
            node = parse_test(std::move(node));
        else if (stream_.current().is("("))
            node = parse_call(std::move(node));
        else
            return node;
    }
}

Expression ExpressionParser::parse_attribute(Expression object) {
    int line = stream_.take().line;
    if (stream_.current().kind == Token::Kind::number)  // x.0
        return expression(Kind::item, line, children_of(std::move(object), literal(stream_.take().value)));
    return expression(Kind::attribute, line, children_of(std::move(object)), text_of(stream_.take_name()));
}

Expression ExpressionParser::parse_item(Expression object) {
    int line = stream_.take().line;
    std::vector<Expression> keys;
    do keys.push_back(parse_subscript());
    while (stream_.take_if(",") && !stream_.current().is("]"));
    stream_.expect("]");
    Expression key = keys.size() == 1 ? std::move(keys[0]) : expression(Kind::tuple, line, std::move(keys));
    return expression(Kind::item, line, children_of(std::move(object), std::move(key)));
}

Expression ExpressionParser::parse_subscript() {
    int line = stream_.current().line;
    Expression begin = parse_slice_part();
    if (!stream_.take_if(":")) return begin;
    Expression end = parse_slice_part();
    Expression step = stream_.take_if(":") ? parse_slice_part() : literal(None{});
    return expression(Kind::slice, line, children_of(std::move(begin), std::move(end), std::move(step)));
}

Expression ExpressionParser::parse_slice_part() {
    const Token& token = stream_.current();
    return token.is(":") || token.is("]") || token.is(",") ? literal(None{}) : parse_expression();
}

Expression ExpressionParser::parse_call(Expression callee) {
    int line = stream_.current().line;
    return parse_arguments(Kind::call, line, children_of(std::move(callee)));
}

Expression ExpressionParser::parse_arguments(Kind kind, int line, std::vector<Expression> children, Value name) {
    using As = Expression::Argument::Kind;
    std::vector<Expression::Argument> arguments;
    stream_.expect("(");
    while (!stream_.current().is(")")) {
        As as = stream_.take_if("**") ? As::unpack_dict : stream_.take_if("*") ? As::unpack_list : As::positional;
        bool keyword = as == As::positional && stream_.current().kind == Token::Kind::name && stream_.peek().is("=");
        arguments.push_back({keyword ? As::keyword : as, keyword ? text_of(stream_.take().symbol) : Text()});
        if (keyword) stream_.take();
        children.push_back(parse_expression());
        if (!stream_.take_if(",")) break;
    }
    stream_.expect(")");
    Expression node = expression(kind, line, std::move(children), std::move(name));
    node.arguments = std::move(arguments);
    return node;
}

std::string ExpressionParser::take_dotted_name() {
    std::string name(stream_.take_name());
    while (stream_.take_if(".")) name += "." + std::string(stream_.take_name());
    return name;
}

Expression ExpressionParser::parse_filters(std::vector<Expression> subject, bool without_first_pipe) {
    while (without_first_pipe || stream_.current().is("|")) {
        int line = stream_.current().line;
        if (!std::exchange(without_first_pipe, false)) stream_.take();
        Value name = text_of(take_dotted_name());
        subject = children_of(stream_.current().is("(")
                                  ? parse_arguments(Kind::filter, line, std::move(subject), std::move(name))
                                  : expression(Kind::filter, line, std::move(subject), std::move(name)));
    }
    return std::move(subject[0]);
}

Expression ExpressionParser::parse_test(Expression subject) {
    int line = stream_.take().line;
    bool negated = stream_.take_name_if("not");
    Value name = text_of(take_dotted_name());
    std::vector<Expression> children = children_of(std::move(subject));
    Expression node;
    if (stream_.current().is("(")) {
        node = parse_arguments(Kind::test, line, std::move(children), std::move(name));
    } else {
        bool argument = begins_argument();
        if (argument) children.push_back(parse_postfix(parse_primary()));
        node = expression(Kind::test, line, std::move(children), std::move(name));
        if (argument) node.arguments.push_back({Expression::Argument::Kind::positional, {}});
    }
    return negated ? unary(Operation::logical_not, line, std::move(node)) : node;
}

// Whether the token after the name of a test begins its argument, written without parentheses: x is divisibleby 3.
bool ExpressionParser::begins_argument() const {
    const Token& token = stream_.current();
    if (token.is_name("is")) stream_.fail_here("tests cannot be chained: write `and` between them");
    if (token.kind == Token::Kind::name) return !token.is_name("else") && !token.is_name("or") && !token.is_name("and");
    return token.kind == Token::Kind::string || token.kind == Token::Kind::number || token.is("[") || token.is("{");
}

}  // namespace puna::jinja
