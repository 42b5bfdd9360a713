#include "chat/jinja/renderer.h"

#include "chat/jinja/builtins.h"
#include "chat/jinja/sequences.h"
#include "core/error.h"

#include <algorithm>

namespace puna::jinja {

using Kind = Statement::Kind;

Text render(const Tree& tree, const Variables& variables, std::optional<std::chrono::sys_seconds> now, Budget& budget) {
    return Renderer(tree, variables, now, budget).run();
}

class Renderer::ScopeGuard {
 public:
    // parent: the scope in which a macro was defined, if it is not the current one.
    explicit ScopeGuard(Renderer& renderer, Scope* parent = nullptr)
        : renderer_(renderer), previous_(renderer.scope_), scope_(std::make_unique<Scope>()) {
        scope_->parent = parent ? parent : previous_;
        renderer_.scope_ = scope_.get();
    }
    ~ScopeGuard() {
        renderer_.scope_ = previous_;
        if (scope_->captured) renderer_.captured_scopes_.push_back(std::move(scope_));
    }
    ScopeGuard(const ScopeGuard&) = delete;

 private:
    Renderer& renderer_;
    Scope* previous_;
    std::unique_ptr<Scope> scope_;
};

Renderer::DepthGuard::DepthGuard(Renderer& renderer) : depth_(renderer.depth_) {
    int limit = 2 * renderer.budget_.limits().depth;
    if (++depth_ > limit) fail("maximum recursion depth of {} exceeded", limit);
}

Renderer::Renderer(const Tree& tree, const Variables& variables, std::optional<std::chrono::sys_seconds> now,
                   Budget& budget)
    : tree_(tree), now_(now), budget_(budget), globals_(tree.names.size()) {
    for (size_t i = 0; i < tree.names.size(); ++i) {
        const std::string& name = tree.names[i];
        auto given = std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.first == name; });
        if (given != variables.end()) {
            globals_[i] = given->second;
        } else if (const Builtin* builtin = find_builtin(global_functions, name)) {
            globals_[i] = std::make_shared<const Function>(
                Function{name, [builtin](Renderer& renderer, Arguments arguments) {
                             return call_builtin(*builtin, renderer, {}, std::move(arguments));
                         }});
        } else {
            globals_[i] = undefined_value(text_of(name));
        }
    }
}

Text Renderer::run() {
    try {
        run_body(tree_.body);
    } catch (const Error& problem) {
        rethrow_with(fmt::format("{}:{}", tree_.origin, line_), problem);
    }
    return std::move(main_output_);
}

std::chrono::sys_seconds Renderer::now() const {
    if (!now_) fail("strftime_now needs a date such as 26 Jul 2024");
    return *now_;
}

void Renderer::write(const Text& text) {
    budget_.write(text.size());
    char32_t extra_flags = generation_depth_ > 0 ? generated : 0;
    for (char32_t c : text) output_->push_back((c & ~escaped) | extra_flags);
}

// What the statements write, as a string.
template <class F>
Text Renderer::render_to_text(F run_statements) {
    Text text;
    Text* previous = std::exchange(output_, &text);
    run_statements();
    output_ = previous;
    return text;
}

// ---- statements

Renderer::Flow Renderer::run_body(const std::vector<Statement>& body) {
    DepthGuard depth(*this);
    for (const Statement& statement : body)
        if (Flow flow = run(statement); flow != Flow::next) return flow;
    return Flow::next;
}

Renderer::Flow Renderer::run_in_scope(const std::vector<Statement>& body) {
    ScopeGuard scope(*this);
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
            return run_body(is_true(evaluate(statement.expressions[0])) ? statement.body : statement.else_body);
        case Kind::for_loop:
            return run_for(statement, evaluate(statement.expressions[0]), 0);
        case Kind::set:
            assign(statement.targets[0], evaluate(statement.expressions[0]));
            return Flow::next;
        case Kind::set_block:
            run_set_block(statement);
            return Flow::next;
        case Kind::macro:
            set(statement.name, make_macro(statement));
            return Flow::next;
        case Kind::call_block:
            run_call_block(statement);
            return Flow::next;
        case Kind::filter:
            run_filter_block(statement);
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

// The items of an iterable that satisfy the condition of the loop, if it has one.
std::vector<Value> Renderer::loop_items(const Statement& statement, const Value& iterable) {
    MessageTrace* trace = iterable.is_list() ? iterable.list().trace : nullptr;
    std::vector<Value> items = trace ? iterable.list().items : iterate(iterable, budget_);
    if (statement.expressions.size() == 1) return items;
    std::vector<Value> selected;
    for (Value& item : items) {
        budget_.step();
        ScopeGuard scope(*this);
        assign(statement.targets[0], item);
        if (is_true(evaluate(statement.expressions[1]))) selected.push_back(std::move(item));
    }
    return selected;
}

Renderer::Flow Renderer::run_for(const Statement& statement, const Value& iterable, int level) {
    auto loop = std::make_shared<Loop>();
    loop->items = loop_items(statement, iterable);
    loop->level = level;
    loop->depth = depth_of(iterable) + 1;
    loop->enclosing = statement.recursive ? capture_scope(scope_) : nullptr;
    loop->recursive = statement.recursive ? &statement : nullptr;
    loop->trace = iterable.is_list() ? iterable.list().trace : nullptr;
    if (loop->items.empty()) return run_in_scope(statement.else_body);
    if (loop->trace) {
        trace_ = loop->trace;
        // Only what a single loop writes directly is certain to stay the same when more messages follow.
        if (output_ != &main_output_ || !trace_->turns.empty()) trace_->depends_on_later = true;
    }
    Flow flow = Flow::next;
    bool completed = false;
    for (; loop->index < loop->items.size(); ++loop->index) {
        flow = run_iteration(statement, loop);
        completed = completed || flow == Flow::next;
        if (flow == Flow::break_loop) break;
    }
    if (loop->trace && flow == Flow::break_loop) trace_->depends_on_later = true;
    if (loop->trace) trace_->finished = true;
    // As Jinja2, also if `break` or `continue` ended every iteration.
    return completed ? Flow::next : run_in_scope(statement.else_body);
}

Renderer::Flow Renderer::run_iteration(const Statement& statement, const std::shared_ptr<Loop>& loop) {
    budget_.step();
    const Value& item = loop->items[loop->index];
    size_t begin = output_->size();
    ScopeGuard scope(*this);
    set(name_loop, loop);
    assign(statement.targets[0], item);
    Flow flow = run_body(statement.body);
    if (loop->trace && item.is_dict()) loop->trace->turns.push_back({&item.dict(), begin, output_->size()});
    return flow;
}

void Renderer::run_set_block(const Statement& statement) {
    Value value = render_to_text([&] { run_in_scope(statement.body); });
    if (!statement.expressions.empty()) value = evaluate_block_filter(statement.expressions[0], value.text());
    assign(statement.targets[0], value);
}

void Renderer::run_filter_block(const Statement& statement) {
    Text text = render_to_text([&] { run_in_scope(statement.body); });
    write(to_text(evaluate_block_filter(statement.expressions[0], std::move(text)), budget_));
}

void Renderer::run_with(const Statement& statement) {
    std::vector<Value> values = evaluate_all(statement.expressions);
    ScopeGuard scope(*this);
    for (size_t i = 0; i < values.size(); ++i) assign(statement.targets[i], values[i]);
    run_body(statement.body);
}

void Renderer::run_generation(const Statement& statement) {
    ++generation_depth_;
    run_in_scope(statement.body);
    --generation_depth_;
}

void Renderer::run_call_block(const Statement& statement) {
    write(to_text(evaluate_call(statement.expressions.back(), make_macro(statement)), budget_));
}

void Renderer::set(int name, Value value) {
    budget_.step(scope_->values.size() / 32);
    auto known =
        std::find_if(scope_->values.begin(), scope_->values.end(), [name](const auto& v) { return v.first == name; });
    if (known != scope_->values.end())
        known->second = std::move(value);
    else
        scope_->values.emplace_back(name, std::move(value));
}

void Renderer::assign(const Target& target, const Value& value) {
    if (!target.parts.empty()) {
        std::vector<Value> items = iterate(value, budget_);
        if (items.size() != target.parts.size())
            fail("cannot unpack {} values into {} variables", items.size(), target.parts.size());
        for (size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i]);
    } else if (target.attribute.empty()) {
        set(target.name, value);
    } else {
        assign_attribute(target, value);
    }
}

void Renderer::assign_attribute(const Target& target, const Value& value) {
    Value object = look_up(target.name);
    if (!object.is(Value::Kind::name_space))
        fail("cannot assign to an attribute: '{}' is not a namespace", tree_.names[static_cast<size_t>(target.name)]);
    if (trace_ && !trace_->finished) object.name_space().assigned_in_loop = true;
    auto& values = object.name_space().values;
    budget_.step(values.size() / 8);
    auto known = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == target.attribute; });
    if (known != values.end())
        known->second = value;
    else
        values.emplace_back(target.attribute, value);
}

// ---- macros

// Keeps a scope and its parents alive until the rendering ends.
Scope* Renderer::capture_scope(Scope* scope) {
    for (Scope* each = scope; each && !each->captured; each = each->parent) {
        each->captured = true;
        budget_.write(64);
    }
    return scope;
}

Value Renderer::make_macro(const Statement& statement) {
    Scope* enclosing = capture_scope(scope_);
    std::string name = statement.kind == Kind::macro ? tree_.names[static_cast<size_t>(statement.name)] : "caller";
    return std::make_shared<const Function>(
        Function{name, [&statement, enclosing](Renderer& renderer, Arguments arguments) {
                     return renderer.call_macro(statement, enclosing, std::move(arguments));
                 }});
}

Value Renderer::call_macro(const Statement& statement, Scope* enclosing, Arguments arguments) {
    DepthGuard depth(*this);
    ScopeGuard scope(*this, enclosing);
    bind_parameters(statement, arguments);
    bind_extra_arguments(statement, arguments);
    return render_to_text([&] { run_body(statement.body); });
}

// Takes what the parameters use out of the arguments.
void Renderer::bind_parameters(const Statement& statement, Arguments& arguments) {
    size_t next_default = 0;
    for (size_t i = 0; i < statement.parameters.size(); ++i) {
        const auto& [name, has_default] = statement.parameters[i];
        const std::string& text = tree_.names[static_cast<size_t>(name)];
        const Expression* fallback = has_default ? &statement.expressions[next_default++] : nullptr;
        std::optional<Value> value;
        if (i < arguments.positional.size())
            value = arguments.positional[i];
        else
            value = take_keyword(arguments, text, budget_);
        if (!value && fallback) value = evaluate(*fallback);
        if (!value) value = undefined_value(text_of(text));
        set(name, std::move(*value));
    }
    size_t count = std::min(statement.parameters.size(), arguments.positional.size());
    arguments.positional.erase(arguments.positional.begin(),
                               arguments.positional.begin() + static_cast<ptrdiff_t>(count));
}

// The variables caller, varargs and kwargs, of a macro that uses them.
void Renderer::bind_extra_arguments(const Statement& statement, Arguments& arguments) {
    if (statement.takes_caller)
        set(name_caller, take_keyword(arguments, "caller", budget_).value_or(globals_[name_caller]));
    if (statement.takes_varargs)
        set(name_varargs, make_list(std::move(arguments.positional), budget_, ListKind::tuple));
    else if (!arguments.positional.empty())
        fail("the macro takes at most {} arguments", statement.parameters.size());
    if (!statement.takes_kwargs) {
        if (arguments.keyword.empty()) return;
        fail("the macro takes no keyword argument '{}'", printable(encode_utf8(arguments.keyword[0].first)));
    }
    Dict keywords;
    for (auto& [name, value] : arguments.keyword) keywords.set(std::move(name), std::move(value), budget_);
    set(name_kwargs, make_dict(std::move(keywords), budget_));
}

Value Renderer::call_loop(const std::shared_ptr<Loop>& loop, const Arguments& arguments) {
    if (!loop->recursive) fail("cannot call loop(): the for loop is not marked `recursive`");
    if (arguments.positional.size() != 1 || !arguments.keyword.empty()) fail("loop() takes one argument, an iterable");
    DepthGuard depth(*this);
    ScopeGuard scope(*this, loop->enclosing);
    return render_to_text([&] { run_for(*loop->recursive, arguments.positional[0], loop->level + 1); });
}

}  // namespace puna::jinja
