// The Renderer's evaluation of expressions.
#include "chat/jinja/builtins.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/renderer.h"
#include "chat/jinja/sequences.h"
#include "core/error.h"

#include <algorithm>

namespace puna::jinja {

using Kind = Expression::Kind;

namespace {

// What a missing attribute or item evaluates to.
Value undefined_item(const Value& key) {
    if (key.is_text()) return undefined_value(key.text());
    if (key.is(Value::Kind::integer)) return undefined_value(text_of(fmt::format("[{}]", key.integer())));
    return Undefined{};
}

}  // namespace

Value Renderer::look_up(int name) {
    for (Scope* scope = scope_; scope; scope = scope->parent) {
        budget_.step(scope->values.size() / 32);
        for (const auto& [known, value] : scope->values)
            if (known == name) return value;
    }
    return globals_[static_cast<size_t>(name)];
}

Value Renderer::evaluate(const Expression& expression) {
    if (expression.kind == Kind::literal) return expression.value;
    if (expression.kind == Kind::name) return look_up(expression.name);
    DepthGuard depth(*this);
    budget_.step();
    line_ = expression.line;
    return evaluate_node(expression);
}

Value Renderer::evaluate_node(const Expression& expression) {
    switch (expression.kind) {
        case Kind::tuple:
        case Kind::list:
            return make_list(evaluate_all(expression.children), budget_,
                             expression.kind == Kind::tuple ? ListKind::tuple : ListKind::list);
        case Kind::dict:
            return evaluate_dict(expression);
        case Kind::attribute:
            return attribute(evaluate(expression.children[0]), expression.value);
        case Kind::item:
            return evaluate_item(expression);
        case Kind::call:
            return evaluate_call(expression);
        case Kind::filter:
            return evaluate_filter(expression);
        case Kind::test:
            return evaluate_test(expression);
        case Kind::unary:
            return evaluate_unary(expression);
        case Kind::binary:
            return evaluate_binary(expression);
        case Kind::compare:
            return evaluate_comparison(expression);
        case Kind::concat:
            return evaluate_concat(expression);
        case Kind::conditional:
            return evaluate_conditional(expression);
        default:
            fail("a slice is only valid in a subscript");
    }
}

std::vector<Value> Renderer::evaluate_all(const std::vector<Expression>& expressions) {
    std::vector<Value> values;
    values.reserve(expressions.size());
    for (const Expression& expression : expressions) values.push_back(evaluate(expression));
    return values;
}

Value Renderer::evaluate_dict(const Expression& expression) {
    Dict dict;
    for (size_t i = 0; i < expression.children.size(); i += 2) {
        Value key = evaluate(expression.children[i]);
        dict.set(std::move(key), evaluate(expression.children[i + 1]), budget_);
    }
    return make_dict(std::move(dict), budget_);
}

Value Renderer::evaluate_item(const Expression& expression) {
    Value object = evaluate(expression.children[0]);
    const Expression& key = expression.children[1];
    if (key.kind != Kind::slice) return item(object, evaluate(key));
    std::vector<Value> parts = evaluate_all(key.children);
    line_ = expression.line;
    return slice(object, parts[0], parts[1], parts[2], budget_);
}

Arguments Renderer::evaluate_arguments(const Expression& expression) {
    using As = Expression::Argument::Kind;
    Arguments arguments;
    size_t first = expression.children.size() - expression.arguments.size();
    for (size_t i = 0; i < expression.arguments.size(); ++i) {
        const Expression::Argument& argument = expression.arguments[i];
        Value value = evaluate(expression.children[first + i]);
        if (argument.kind == As::positional) {
            arguments.positional.push_back(std::move(value));
        } else if (argument.kind == As::keyword) {
            arguments.keyword.emplace_back(argument.name, std::move(value));
        } else if (argument.kind == As::unpack_list) {
            for (Value& item : iterate(value, budget_)) arguments.positional.push_back(std::move(item));
        } else {
            if (!value.is_dict()) fail("argument after ** must be a dict, not '{}'", type_name(value));
            for (const auto& [key, item] : value.dict().items()) {
                if (!key.is_text()) fail("keywords must be strings, not '{}'", type_name(key));
                arguments.keyword.emplace_back(key.text(), item);
            }
        }
    }
    line_ = expression.line;
    return arguments;
}

// A method is called directly, without a bound method as an intermediate value.
Value Renderer::evaluate_call(const Expression& expression, Value caller) {
    const Expression& callee = expression.children[0];
    bool is_method = callee.kind == Kind::attribute;
    Value object = evaluate(is_method ? callee.children[0] : callee);
    Arguments arguments = evaluate_arguments(expression);
    if (!caller.is_undefined()) arguments.keyword.emplace_back(text_of("caller"), std::move(caller));
    if (is_method) {
        std::string name = encode_utf8(callee.value.text());
        if (is_mutating_method(object, name))
            fail("{}() would modify a {}: values are immutable in templates", name, type_name(object));
        const Builtin* method = find_builtin(methods_of(object), name);
        if (method) return call_method(*method, *this, std::move(object), std::move(arguments));
        object = attribute(object, callee.value);
    }
    return call(object, std::move(arguments));
}

Value Renderer::call(const Value& function, Arguments arguments) {
    require_defined(function);
    if (function.is(Value::Kind::loop)) return call_loop(function.loop(), arguments);
    if (!function.is(Value::Kind::function)) fail("'{}' object is not callable", type_name(function));
    return function.function().call(*this, std::move(arguments));
}

Value Renderer::filter(std::string_view name, Value subject, Arguments arguments) {
    const Builtin* known = find_builtin(filters, name);
    if (!known) fail("unknown or unsupported filter '{}'", printable(name));
    return call_builtin(*known, *this, std::move(subject), std::move(arguments));
}

bool Renderer::test(std::string_view name, Value subject, Arguments arguments) {
    const Builtin* known = find_builtin(tests, name);
    if (!known) fail("unknown or unsupported test '{}'", printable(name));
    return is_true(call_builtin(*known, *this, std::move(subject), std::move(arguments)));
}

Value Renderer::evaluate_filter(const Expression& expression) {
    bool of_block = expression.children.size() == expression.arguments.size();
    Value subject = of_block ? Value(block_text_) : evaluate(expression.children[0]);
    Arguments arguments = evaluate_arguments(expression);
    return filter(encode_utf8(expression.value.text()), std::move(subject), std::move(arguments));
}

Value Renderer::evaluate_block_filter(const Expression& expression, Text text) {
    block_text_ = std::move(text);
    return evaluate(expression);
}

bool Renderer::evaluate_test(const Expression& expression) {
    Value subject = evaluate(expression.children[0]);
    Arguments arguments = evaluate_arguments(expression);
    return test(encode_utf8(expression.value.text()), std::move(subject), std::move(arguments));
}

Value Renderer::evaluate_unary(const Expression& expression) {
    Value operand = evaluate(expression.children[0]);
    line_ = expression.line;
    if (expression.operation == Operation::logical_not) return !is_true(operand);
    if (expression.operation == Operation::subtract) return negate(operand);
    return operand.is(Value::Kind::floating) ? operand : negate(negate(operand));
}

Value Renderer::evaluate_binary(const Expression& expression) {
    Value left = evaluate(expression.children[0]);
    if (expression.operation == Operation::logical_and) return is_true(left) ? evaluate(expression.children[1]) : left;
    if (expression.operation == Operation::logical_or) return is_true(left) ? left : evaluate(expression.children[1]);
    Value right = evaluate(expression.children[1]);
    line_ = expression.line;
    return binary(expression.operation, left, right, budget_);
}

bool Renderer::evaluate_comparison(const Expression& expression) {
    Value left = evaluate(expression.children[0]);
    for (size_t i = 0; i < expression.operations.size(); ++i) {
        Value right = evaluate(expression.children[i + 1]);
        line_ = expression.line;
        if (!compare(expression.operations[i], left, right, budget_)) return false;
        left = std::move(right);
    }
    return true;
}

Value Renderer::evaluate_conditional(const Expression& expression) {
    if (is_true(evaluate(expression.children[0]))) return evaluate(expression.children[1]);
    return expression.children.size() == 3 ? evaluate(expression.children[2]) : Value();
}

Value Renderer::evaluate_concat(const Expression& expression) {
    Text text;
    for (const Expression& part : expression.children) text += to_text(evaluate(part), budget_);
    budget_.write(text.size());
    return without_flag(std::move(text), escaped);
}

// ---- attributes and items

namespace {

Value bound_method(const Builtin& method, const Value& object) {
    return std::make_shared<const Function>(Function{std::string(method.name),
                                                     [&method, object](Renderer& renderer, Arguments arguments) {
                                                         return call_method(method, renderer, object,
                                                                            std::move(arguments));
                                                     },
                                                     depth_of(object) + 1});
}

}  // namespace

// Python's getattr: a method, or an attribute of a namespace or loop.
std::optional<Value> Renderer::find_attribute(const Value& object, const Text& name) {
    if (object.is(Value::Kind::loop)) return loop_attribute(object.loop(), name);
    if (object.is(Value::Kind::name_space)) {
        if (trace_ && trace_->finished && object.name_space().assigned_in_loop) trace_->depends_on_later = true;
        budget_.step(object.name_space().values.size() / 8);
        for (const auto& [known, value] : object.name_space().values)
            if (known == name) return value;
        return {};
    }
    std::string plain = encode_utf8(name);
    if (is_mutating_method(object, plain)) return undefined_value(name);
    if (is_unsupported_attribute(object, plain)) fail("{}.{} is not supported", type_name(object), plain);
    if (object.is_list() && object.list().kind == ListKind::group)
        if (plain == "grouper" || plain == "list") return object.items()[plain == "list"];
    const Builtin* method = find_builtin(methods_of(object), plain);
    if (!method) return {};
    if (depth_of(object) >= budget_.limits().depth) fail("values nest more than {} deep", budget_.limits().depth);
    return bound_method(*method, object);
}

Value Renderer::attribute(const Value& object, const Value& name) {
    require_defined(object);
    if (std::optional<Value> attribute = find_attribute(object, name.text())) return *attribute;
    std::optional<Value> found = object.is_dict() ? find_item(object, name, budget_) : std::nullopt;
    return found ? *found : undefined_item(name);
}

Value Renderer::item(const Value& object, const Value& key) {
    require_defined(object);
    if (std::optional<Value> found = find_item(object, key, budget_)) return *found;
    std::optional<Value> attribute = key.is_text() ? find_attribute(object, key.text()) : std::nullopt;
    return attribute ? *attribute : undefined_item(key);
}

namespace {

Value cycle_function(const std::shared_ptr<Loop>& loop) {
    return std::make_shared<const Function>(
        Function{"cycle",
                 [loop](Renderer&, Arguments arguments) {
                     if (arguments.positional.empty()) fail("loop.cycle() without arguments");
                     return arguments.positional[loop->index % arguments.positional.size()];
                 },
                 loop->depth + 1});
}

}  // namespace

Value Renderer::loop_attribute(const std::shared_ptr<Loop>& loop, const Text& name) {
    auto number = [](size_t n) { return Value(static_cast<int64_t>(n)); };
    std::string plain = encode_utf8(name);
    size_t index = std::min(loop->index, loop->items.size() - 1), size = loop->items.size();
    if (plain == "index") return number(index + 1);
    if (plain == "index0") return number(index);
    if (plain == "first") return index == 0;
    if (plain == "previtem") return index > 0 ? loop->items[index - 1] : undefined_value(text_of("loop.previtem"));
    if (plain == "depth") return number(static_cast<size_t>(loop->level) + 1);
    if (plain == "depth0") return number(static_cast<size_t>(loop->level));
    if (plain == "cycle") return cycle_function(loop);
    if (loop->trace) loop->trace->depends_on_later = true;
    if (plain == "last") return index + 1 == size;
    if (plain == "length") return number(size);
    if (plain == "revindex") return number(size - index);
    if (plain == "revindex0") return number(size - index - 1);
    if (plain == "nextitem")
        return index + 1 < size ? loop->items[index + 1] : undefined_value(text_of("loop.nextitem"));
    fail("loop.{} is not supported", printable(plain));
}

}  // namespace puna::jinja
