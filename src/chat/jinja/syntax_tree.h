// chat/jinja/syntax_tree.h — the abstract syntax tree of a template: statements of expressions, immutable after
// parsing.
//
// Names of variables are interned: indices into Tree::names, of which the first few have a meaning in the language.
#pragma once
#include "chat/jinja/value.h"

#include <cstdint>
#include <string>
#include <vector>

namespace puna::jinja {

enum Name : int { name_loop, name_caller, name_varargs, name_kwargs, first_free_name };

struct Expression {
    enum class Kind : uint8_t {
        literal,      // value
        name,         // name
        tuple,        // children
        list,         // children
        dict,         // children: key, value, key, value, ...
        attribute,    // children[0].value
        item,         // children[0][children[1]]
        slice,        // children: begin, end, step; a literal None where omitted. Only as children[1] of an item
        call,         // children[0](arguments)
        filter,       // children[0] | value(arguments); of a filter block: without children[0]
        test,         // children[0] is value(arguments)
        unary,        // operation children[0]: "-", "+", "not"
        binary,       // children[0] operation children[1]; also "and", "or"
        compare,      // children[0] operations[0] children[1] operations[1] children[2] ...
        concat,       // children[0] ~ children[1] ~ ...
        conditional,  // children[1] if children[0] else children[2], which may be omitted
    };
    enum class Operation : uint8_t {
        none,
        add,
        subtract,
        multiply,
        divide,
        floor_divide,
        modulo,
        power,
        logical_and,
        logical_or,
        logical_not,
        equal,
        not_equal,
        less,
        less_equal,
        greater,
        greater_equal,
        in,
        not_in,
    };
    struct Argument {
        enum class Kind : uint8_t { positional, keyword, unpack_list, unpack_dict };  // x, name=x, *x, **x
        Kind kind;
        Text name;  // of a keyword argument
    };

    Kind kind = Kind::literal;
    Operation operation = Operation::none;
    uint16_t depth = 1;  // height of this subtree
    int line = 0;        // of the source, from 1
    int name = -1;
    Value value;  // of a literal; the name of an attribute, filter or test
    std::vector<Expression> children;
    std::vector<Operation> operations;
    std::vector<Argument> arguments;  // describe the last children, one each
};

// The left side of an assignment: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
    int name = -1;
    Text attribute;  // empty: the variable itself
    std::vector<Target> parts;
};

struct Parameter {
    int name;
    bool has_default;
};

struct Statement {
    enum class Kind : uint8_t {
        text,        // text
        output,      // {{ expressions[0] }}
        if_else,     // expressions[0] ? body : else_body; elif is an if_else in else_body
        for_loop,    // for target in expressions[0] [if expressions[1]]: body; else_body if there are no items
        set,         // target = expressions[0]
        set_block,   // target = body [| expressions[0]]
        macro,       // name(parameters): body; expressions: the defaults, in order
        call_block,  // expressions.back() is the call, those before it the defaults of the parameters of `caller`
        filter,      // body | expressions[0]
        with,        // targets = expressions: body
        generation,  // body: the assistant's tokens, in the loss
        break_loop,
        continue_loop,
    };

    Kind kind = Kind::text;
    bool recursive = false;                                                  // of for_loop
    bool takes_varargs = false, takes_kwargs = false, takes_caller = false;  // of a macro whose body uses them
    int line = 0;
    int name = -1;
    Text text;
    std::vector<Target> targets;
    std::vector<Expression> expressions;
    std::vector<Parameter> parameters;
    std::vector<Statement> body, else_body;
};

struct Tree {
    std::string origin;  // file or other name: begins error messages
    std::vector<std::string> names;
    std::vector<Statement> body;
    bool has_generation = false;  // there are {% generation %} blocks
};

}  // namespace puna::jinja
