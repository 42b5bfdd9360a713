// chat/jinja/renderer.h — executes the syntax tree of a template. Used through chat/jinja/jinja.h; filters, tests,
// globals and methods (builtins.h) get the Renderer as an argument. renderer.cpp has the statements, evaluate.cpp
// expressions.
#pragma once
#include "chat/jinja/jinja.h"

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

namespace puna::jinja {

// The variables of a block; those of its parents are visible too.
struct Scope {
    Scope* parent = nullptr;
    std::vector<std::pair<int, Value>> values = {};  // by index of the name
    bool captured = false;                           // by a macro or recursive loop: lives until the rendering ends
};

struct Loop {  // the variable `loop`
    std::vector<Value> items;
    size_t index = 0;
    int level = 0;                         // recursive calls of the loop around this one
    const Statement* recursive = nullptr;  // the statement, if it is marked `recursive`
    Scope* enclosing = nullptr;            // of the statement
    MessageTrace* trace = nullptr;
    int depth = 1;  // nesting of the items, as List::depth
};

// One rendering; used once. Throws Error without origin and line, which run() adds.
class Renderer {
 public:
    Renderer(const Tree& tree, const Variables& variables, std::optional<std::chrono::sys_seconds> now, Budget& budget);

    Text run();

    // For built-ins.
    Budget& budget() { return budget_; }
    std::chrono::sys_seconds now() const;                     // throws Error if the caller gave none
    Value attribute(const Value& object, const Value& name);  // object.name; undefined if there is none
    Value item(const Value& object, const Value& key);        // object[key]; undefined if there is none
    Value call(const Value& function, Arguments arguments);
    Value filter(std::string_view name, Value subject, Arguments arguments);  // subject | name(arguments)
    bool test(std::string_view name, Value subject, Arguments arguments);     // subject is name(arguments)
    Namespace& new_namespace() { return namespaces_.emplace_back(); }

 private:
    enum class Flow { next, break_loop, continue_loop };
    class ScopeGuard;   // opens a scope and closes it
    class DepthGuard {  // bounds the recursion, so that no template overflows the stack
     public:
        explicit DepthGuard(Renderer& renderer);
        ~DepthGuard() { --depth_; }
        DepthGuard(const DepthGuard&) = delete;

     private:
        int& depth_;
    };

    // Statements.
    Flow run_body(const std::vector<Statement>& body);
    Flow run_in_scope(const std::vector<Statement>& body);
    Flow run(const Statement& statement);
    Flow run_for(const Statement& statement, const Value& iterable, int level);
    Flow run_iteration(const Statement& statement, const std::shared_ptr<Loop>& loop);
    void run_set_block(const Statement& statement);
    void run_with(const Statement& statement);
    void run_generation(const Statement& statement);
    void run_call_block(const Statement& statement);
    void run_filter_block(const Statement& statement);
    template <class F>
    Text render_to_text(F run_statements);
    std::vector<Value> loop_items(const Statement& statement, const Value& iterable);
    void assign(const Target& target, const Value& value);
    void assign_attribute(const Target& target, const Value& value);
    void set(int name, Value value);  // in the innermost scope
    void write(const Text& text);

    // Macros.
    Value make_macro(const Statement& statement);
    Value call_macro(const Statement& statement, Scope* enclosing, Arguments arguments);
    void bind_parameters(const Statement& statement, Arguments& arguments);
    void bind_extra_arguments(const Statement& statement, Arguments& arguments);
    Value call_loop(const std::shared_ptr<Loop>& loop, const Arguments& arguments);
    Scope* capture_scope(Scope* scope);

    // Expressions.
    Value evaluate(const Expression& expression);
    Value evaluate_node(const Expression& expression);
    std::vector<Value> evaluate_all(const std::vector<Expression>& expressions);
    Value evaluate_dict(const Expression& expression);
    Value evaluate_item(const Expression& expression);
    Value evaluate_call(const Expression& expression, Value caller = {});
    Value evaluate_filter(const Expression& expression);
    Value evaluate_block_filter(const Expression& expression, Text text);  // text: of the block
    bool evaluate_test(const Expression& expression);
    Value evaluate_unary(const Expression& expression);
    Value evaluate_binary(const Expression& expression);
    bool evaluate_comparison(const Expression& expression);
    Value evaluate_concat(const Expression& expression);
    Value evaluate_conditional(const Expression& expression);
    Arguments evaluate_arguments(const Expression& expression);
    Value look_up(int name);
    std::optional<Value> find_attribute(const Value& object, const Text& name);
    Value loop_attribute(const std::shared_ptr<Loop>& loop, const Text& name);

    const Tree& tree_;
    std::optional<std::chrono::sys_seconds> now_;
    Budget& budget_;
    std::vector<Value> globals_;  // by index of the name: the caller's variables, built-in globals, or undefined
    Scope top_;
    Scope* scope_ = &top_;
    std::vector<std::unique_ptr<Scope>> captured_scopes_;
    std::deque<Namespace> namespaces_;
    Text main_output_;
    Text* output_ = &main_output_;
    Text block_text_;                // that the filters of a block apply to
    MessageTrace* trace_ = nullptr;  // once a loop over the traced messages has begun
    int line_ = 0, depth_ = 0, generation_depth_ = 0;
};

}  // namespace puna::jinja
