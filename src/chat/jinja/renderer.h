// chat/jinja/renderer.h — walks a parsed template and writes its text. Used through chat/jinja/jinja.h; filters, tests,
// methods and functions (builtins.h) see the Renderer.
#pragma once
#include "chat/jinja/jinja.h"

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

namespace puna::jinja {

// Variables of a block; those of the blocks around it are visible too. One that a macro refers to is kept to the end.
struct Scope {
    Scope* parent = nullptr;
    std::vector<std::pair<int, Value>> values = {};
    bool kept = false;
};

struct Loop {  // what `loop` is
    std::vector<Value> items;
    size_t index = 0;
    int level = 0;                         // how often it has called itself
    const Statement* recursive = nullptr;  // the statement, if it may be called
    Scope* around = nullptr;
    Watch* watch = nullptr;
    int depth = 1;  // of the items, as of a list
};

class Renderer {
 public:
    Renderer(const Tree& tree, const Variables& variables, std::optional<std::chrono::sys_seconds> now, Budget& budget);

    Text run();

    Budget& budget() { return budget_; }
    std::chrono::sys_seconds now() const;                     // throws Error if it is not known
    Value attribute(const Value& object, const Value& name);  // object.name
    Value item(const Value& object, const Value& key);        // object[key]
    Value call(const Value& function, Arguments arguments);
    Value filter(std::string_view name, Value subject, Arguments arguments);
    bool test(std::string_view name, Value subject, Arguments arguments);
    Namespace& new_namespace() { return namespaces_.emplace_back(); }

 private:
    enum class Flow { next, break_loop, continue_loop };
    class Inner;    // a scope, while it is open
    class Deeper {  // counts nested calls
     public:
        explicit Deeper(Renderer& renderer);
        ~Deeper() { --nested_; }
        Deeper(const Deeper&) = delete;

     private:
        int& nested_;
    };

    // Statements.
    Flow run_body(const std::vector<Statement>& body);
    Flow run_inner(const std::vector<Statement>& body);  // in a scope of its own
    Flow run(const Statement& statement);
    Flow run_for(const Statement& statement);
    void run_loop(const Statement& statement, const Value& iterable, int level);
    Flow run_turn(const Statement& statement, const std::shared_ptr<Loop>& loop);
    void run_with(const Statement& statement);
    void run_generation(const Statement& statement);
    void run_call_block(const Statement& statement);
    Text capture(const std::vector<Statement>& body);  // in a scope of its own
    std::vector<Value> loop_items(const Statement& statement, const Value& iterable);
    void assign(const Target& target, const Value& value);
    void write(const Text& text);

    // Expressions.
    Value evaluate(const Expression& expression);
    Value evaluate_known(const Expression& expression);
    std::vector<Value> evaluate_all(const std::vector<Expression>& expressions);
    Value evaluate_dict(const Expression& expression);
    Value evaluate_item(const Expression& expression);
    Value evaluate_call(const Expression& expression, Value caller = {});
    Value evaluate_filter(const Expression& expression);
    bool evaluate_test(const Expression& expression);
    Value evaluate_unary(const Expression& expression);
    Value evaluate_binary(const Expression& expression);
    bool evaluate_comparison(const Expression& expression);
    Value evaluate_conditional(const Expression& expression);
    Value concat(const Expression& expression);
    Arguments arguments_of(const Expression& expression);
    Value filter_text(const Expression& expression, Text text);  // of a block
    Value look_up(int name);
    Value loop_attribute(const std::shared_ptr<Loop>& loop, const Text& name);
    std::optional<Value> own_attribute(const Value& object, const Text& name);

    // Macros.
    Value make_macro(const Statement& statement);
    Value call_macro(const Statement& statement, Scope* around, Arguments arguments);
    void bind_parameters(const Statement& statement, Arguments& arguments);
    Value call_loop(const std::shared_ptr<Loop>& loop, const Arguments& arguments);
    Scope* keep(Scope* scope);
    void set(int name, Value value);

    const Tree& tree_;
    std::optional<std::chrono::sys_seconds> now_;
    Budget& budget_;
    std::vector<Value> variables_;  // by name: what the caller or the language defines
    Scope top_;
    Scope* scope_ = &top_;
    std::vector<std::unique_ptr<Scope>> kept_;
    std::deque<Namespace> namespaces_;
    Text main_;
    Text* output_ = &main_;
    Text block_text_;         // of the block that is filtered
    Watch* watch_ = nullptr;  // of the messages, once they are walked
    int line_ = 0, nested_ = 0, generations_ = 0;
};

}  // namespace puna::jinja
