#include "chat/jinja/renderer.h"

#include "chat/jinja/builtins.h"
#include "chat/jinja/operators.h"
#include "core/error.h"

#include <algorithm>

namespace puna::jinja {

using Kind = Statement::Kind;

Text render(const Tree& tree, const Variables& variables, std::optional<std::chrono::sys_seconds> now, Budget& budget) {
    return Renderer(tree, variables, now, budget).run();
}

class Renderer::Inner {
 public:
    explicit Inner(Renderer& renderer, Scope* around = nullptr)
        : renderer_(renderer), outside_(renderer.scope_), scope_(std::make_unique<Scope>()) {
        scope_->parent = around ? around : outside_;
        renderer_.scope_ = scope_.get();
    }
    ~Inner() {
        renderer_.scope_ = outside_;
        if (scope_->kept) renderer_.kept_.push_back(std::move(scope_));
    }
    Inner(const Inner&) = delete;

 private:
    Renderer& renderer_;
    Scope* outside_;
    std::unique_ptr<Scope> scope_;
};

Renderer::Deeper::Deeper(Renderer& renderer) : nested_(renderer.nested_) {
    if (++nested_ > 2 * renderer.budget_.limits().depth) fail("calls are nested too deeply");
}

Renderer::Renderer(const Tree& tree, const Variables& variables, std::optional<std::chrono::sys_seconds> now,
                   Budget& budget)
    : tree_(tree), now_(now), budget_(budget), variables_(tree.names.size()) {
    for (size_t i = 0; i < tree.names.size(); ++i) {
        const std::string& name = tree.names[i];
        auto given = std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.first == name; });
        if (given != variables.end()) {
            variables_[i] = given->second;
        } else if (const Builtin* builtin = find_builtin(functions, name)) {
            variables_[i] = std::make_shared<const Function>(
                Function{name, [builtin](Renderer& renderer, Arguments arguments) {
                             return call_builtin(*builtin, renderer, {}, std::move(arguments));
                         }});
        } else {
            variables_[i] = Undefined{std::make_shared<const Text>(text_of(name))};
        }
    }
}

Text Renderer::run() {
    try {
        run_body(tree_.body);
    } catch (const Error& problem) {
        fail("{}:{}: {}", tree_.place, line_, problem.what());
    }
    return std::move(main_);
}

std::chrono::sys_seconds Renderer::now() const {
    if (!now_) fail("strftime_now needs a date such as 26 Jul 2024");
    return *now_;
}

void Renderer::write(const Text& text) {
    budget_.write(text.size());
    char32_t more = generations_ > 0 ? generated : 0;
    for (char32_t c : text) output_->push_back((c & ~escaped) | more);
}

// ---- statements

Renderer::Flow Renderer::run_body(const std::vector<Statement>& body) {
    Deeper deeper(*this);
    for (const Statement& statement : body)
        if (Flow flow = run(statement); flow != Flow::next) return flow;
    return Flow::next;
}

Renderer::Flow Renderer::run_inner(const std::vector<Statement>& body) {
    Inner inner(*this);
    return run_body(body);
}

Renderer::Flow Renderer::run(const Statement& statement) {
    budget_.step();
    line_ = statement.line;
    switch (statement.kind) {
        case Kind::text:
            write(statement.text);
            return Flow::next;
        case Kind::output:
            write(to_text(evaluate(statement.expressions[0]), budget_));
            return Flow::next;
        case Kind::if_else:
            return run_body(is_true(evaluate(statement.expressions[0])) ? statement.body : statement.otherwise);
        case Kind::for_loop:
            return run_for(statement);
        case Kind::set:
            assign(statement.targets[0], evaluate(statement.expressions[0]));
            return Flow::next;
        case Kind::set_block: {
            Value value = capture(statement.body);
            if (!statement.expressions.empty()) value = filter_text(statement.expressions[0], value.text());
            assign(statement.targets[0], value);
            return Flow::next;
        }
        case Kind::macro:
            set(statement.name, make_macro(statement));
            return Flow::next;
        case Kind::call_block:
            run_call_block(statement);
            return Flow::next;
        case Kind::filter:
            write(to_text(filter_text(statement.expressions[0], capture(statement.body)), budget_));
            return Flow::next;
        case Kind::with:
            run_with(statement);
            return Flow::next;
        case Kind::generation:
            run_generation(statement);
            return Flow::next;
        case Kind::break_loop:
            return Flow::break_loop;
        case Kind::continue_loop:
            return Flow::continue_loop;
    }
    return Flow::next;
}

Renderer::Flow Renderer::run_for(const Statement& statement) {
    run_loop(statement, evaluate(statement.expressions[0]), 0);
    return Flow::next;
}

// The items of an iterable, without those that the loop's `if` leaves out.
std::vector<Value> Renderer::loop_items(const Statement& statement, const Value& iterable) {
    Watch* watch = iterable.is_list() ? iterable.list().watch : nullptr;
    std::vector<Value> items = watch ? iterable.list().items : walk(iterable, budget_);
    if (statement.expressions.size() == 1) return items;
    std::vector<Value> kept;
    for (Value& item : items) {
        budget_.step();
        Inner inner(*this);
        assign(statement.targets[0], item);
        if (is_true(evaluate(statement.expressions[1]))) kept.push_back(std::move(item));
    }
    return kept;
}

void Renderer::run_loop(const Statement& statement, const Value& iterable, int level) {
    auto loop = std::make_shared<Loop>();
    loop->items = loop_items(statement, iterable);
    loop->level = level;
    loop->depth = depth_of(iterable) + 1;
    loop->around = statement.recursive ? keep(scope_) : nullptr;
    loop->recursive = statement.recursive ? &statement : nullptr;
    loop->watch = iterable.is_list() ? iterable.list().watch : nullptr;
    if (loop->items.empty()) {
        run_inner(statement.otherwise);
        return;
    }
    if (loop->watch) {
        watch_ = loop->watch;
        // Only text that is written at once, in one loop, is known to stay as it is when further messages come.
        if (output_ != &main_ || !watch_->turns.empty()) watch_->looked_ahead = true;
    }
    for (; loop->index < loop->items.size(); ++loop->index)
        if (run_turn(statement, loop) == Flow::break_loop) {
            if (loop->watch) watch_->looked_ahead = true;
            break;
        }
    if (loop->watch) watch_->walked = true;
}

Renderer::Flow Renderer::run_turn(const Statement& statement, const std::shared_ptr<Loop>& loop) {
    budget_.step();
    const Value& item = loop->items[loop->index];
    size_t begin = output_->size();
    Inner inner(*this);
    set(name_loop, loop);
    assign(statement.targets[0], item);
    Flow flow = run_body(statement.body);
    if (loop->watch && item.is_dict()) loop->watch->turns.push_back({&item.dict(), begin, output_->size()});
    return flow;
}

void Renderer::run_with(const Statement& statement) {
    std::vector<Value> values = evaluate_all(statement.expressions);
    Inner inner(*this);
    for (size_t i = 0; i < values.size(); ++i) assign(statement.targets[i], values[i]);
    run_body(statement.body);
}

void Renderer::run_generation(const Statement& statement) {
    ++generations_;
    run_inner(statement.body);
    --generations_;
}

void Renderer::run_call_block(const Statement& statement) {
    write(to_text(evaluate_call(statement.expressions.back(), make_macro(statement)), budget_));
}

Text Renderer::capture(const std::vector<Statement>& body) {
    Text text;
    Text* outside = std::exchange(output_, &text);
    run_inner(body);
    output_ = outside;
    return text;
}

void Renderer::set(int name, Value value) {
    auto known =
        std::find_if(scope_->values.begin(), scope_->values.end(), [name](const auto& v) { return v.first == name; });
    if (known != scope_->values.end())
        known->second = std::move(value);
    else
        scope_->values.emplace_back(name, std::move(value));
}

void Renderer::assign(const Target& target, const Value& value) {
    if (!target.parts.empty()) {
        std::vector<Value> items = walk(value, budget_);
        if (items.size() != target.parts.size()) fail("{} values for {} names", items.size(), target.parts.size());
        for (size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i]);
        return;
    }
    if (target.attribute.empty()) return set(target.name, value);
    Value object = look_up(target.name);
    if (!object.is(Value::Kind::name_space))
        fail("cannot assign an attribute: '{}' is no namespace", tree_.names[static_cast<size_t>(target.name)]);
    if (watch_ && !watch_->walked) object.name_space().changed_in_walk = true;
    auto& values = object.name_space().values;
    auto known = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == target.attribute; });
    if (known != values.end())
        known->second = value;
    else
        values.emplace_back(target.attribute, value);
}

// ---- macros

Scope* Renderer::keep(Scope* scope) {
    for (Scope* one = scope; one && !one->kept; one = one->parent) {
        one->kept = true;
        budget_.write(64);
    }
    return scope;
}

Value Renderer::make_macro(const Statement& statement) {
    Scope* around = keep(scope_);
    std::string name = statement.kind == Kind::macro ? tree_.names[static_cast<size_t>(statement.name)] : "caller";
    return std::make_shared<const Function>(
        Function{name, [&statement, around](Renderer& renderer, Arguments arguments) {
                     return renderer.call_macro(statement, around, std::move(arguments));
                 }});
}

Value Renderer::call_macro(const Statement& statement, Scope* around, Arguments arguments) {
    Deeper deeper(*this);
    Inner inner(*this, around);
    bind_parameters(statement, arguments);
    Text text;
    Text* outside = std::exchange(output_, &text);
    run_body(statement.body);
    output_ = outside;
    return text;
}

void Renderer::bind_parameters(const Statement& statement, Arguments& arguments) {
    auto take_named = [&](std::string_view name) -> std::optional<Value> {
        auto at = std::find_if(arguments.named.begin(), arguments.named.end(),
                               [&](const auto& a) { return a.first == name; });
        if (at == arguments.named.end()) return {};
        Value value = std::move(at->second);
        arguments.named.erase(at);
        return value;
    };
    size_t next_default = 0;
    for (size_t i = 0; i < statement.parameters.size(); ++i) {
        const auto& [name, has_default] = statement.parameters[i];
        const Expression* fallback = has_default ? &statement.expressions[next_default++] : nullptr;
        std::optional<Value> value;
        if (i < arguments.positional.size())
            value = arguments.positional[i];
        else
            value = take_named(tree_.names[static_cast<size_t>(name)]);
        if (!value && fallback) value = evaluate(*fallback);
        if (!value) value = Undefined{std::make_shared<const Text>(text_of(tree_.names[static_cast<size_t>(name)]))};
        set(name, std::move(*value));
    }
    if (statement.takes_caller) set(name_caller, take_named("caller").value_or(variables_[name_caller]));
    size_t count = std::min(statement.parameters.size(), arguments.positional.size());
    arguments.positional.erase(arguments.positional.begin(),
                               arguments.positional.begin() + static_cast<ptrdiff_t>(count));
    if (statement.takes_varargs)
        set(name_varargs, make_list(std::move(arguments.positional), budget_, true));
    else if (!arguments.positional.empty())
        fail("a macro takes at most {} arguments", statement.parameters.size());
    if (!statement.takes_kwargs) {
        if (!arguments.named.empty()) fail("a macro has no argument '{}'", printable(arguments.named[0].first));
        return;
    }
    Dict named;
    for (auto& [name, value] : arguments.named) named.set(text_of(name), std::move(value), budget_);
    set(name_kwargs, make_dict(std::move(named), budget_));
}

Value Renderer::call_loop(const std::shared_ptr<Loop>& loop, const Arguments& arguments) {
    if (!loop->recursive) fail("only a loop that is marked `recursive` can be called");
    if (arguments.positional.size() != 1 || !arguments.named.empty()) fail("a loop is called with what it loops over");
    Deeper deeper(*this);
    Inner inner(*this, loop->around);
    Text text;
    Text* outside = std::exchange(output_, &text);
    run_loop(*loop->recursive, arguments.positional[0], loop->level + 1);
    output_ = outside;
    return text;
}

}  // namespace puna::jinja
