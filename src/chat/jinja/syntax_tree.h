// chat/jinja/syntax_tree.h — a parsed template: statements of expressions, all values, never changed after parsing.
//
// Names are numbers: places in Tree::names, of which the first few are those that the language itself gives a meaning.
#pragma once
#include "chat/jinja/value.h"

#include <cstdint>
#include <string>
#include <vector>

namespace puna::jinja {

enum Name : int { name_loop, name_caller, name_varargs, name_kwargs, first_free_name };

struct Expression {
    enum class Kind : uint8_t {
        literal,  // value
        name,     // name
        tuple,
        list,         // children
        dict,         // children: key, value, key, value, ...
        attribute,    // children[0].value
        item,         // children[0][children[1]]
        slice,        // begin, end, step; an absent one is a literal none. Only as children[1] of an item
        call,         // children[0](arguments)
        filter,       // children[0] | value(arguments); without children: the text of a block
        test,         // children[0] is value(arguments)
        unary,        // operation children[0]: "-", "+", "not"
        binary,       // children[0] operation children[1]; also "and", "or"
        compare,      // children[0] operations[0] children[1] operations[1] children[2] ...
        concat,       // children, as text
        conditional,  // children[1] if children[0] else children[2], which may be absent
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
        enum class Kind : uint8_t { positional, named, list, dict };  // x, name=x, *x, **x
        Kind kind;
        std::string name;
    };

    Kind kind = Kind::literal;
    Operation operation = Operation::none;
    uint16_t depth = 1;  // of this tree
    int line = 0;
    int name = -1;
    Value value;  // of a literal; the name of an attribute, filter or test
    std::vector<Expression> children;
    std::vector<Operation> operations;
    std::vector<Argument> arguments;  // of the last children, as many
};

// What is assigned to: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
    int name = -1;
    Text attribute;  // empty: the name itself
    std::vector<Target> parts;
};

struct Parameter {
    int name;
    bool has_default;
};

struct Statement {
    enum class Kind : uint8_t {
        text,        // text
        output,      // expressions[0]
        if_else,     // expressions[0] ? body : otherwise
        for_loop,    // for target in expressions[0] [if expressions[1]]: body, or otherwise
        set,         // target = expressions[0]
        set_block,   // target = body [| expressions[0]]
        macro,       // name(parameters): body; expressions: the defaults
        call_block,  // expressions[last] is the call, those before it the defaults of parameters
        filter,      // body | expressions[0]
        with,        // targets = expressions: body
        generation,  // body
        break_loop,
        continue_loop,
    };

    Kind kind = Kind::text;
    bool recursive = false;                                                  // of for_loop
    bool takes_varargs = false, takes_kwargs = false, takes_caller = false;  // of macro: its body names them
    uint16_t depth = 1;
    int line = 0;
    int name = -1;
    Text text;
    std::vector<Target> targets;
    std::vector<Expression> expressions;
    std::vector<Parameter> parameters;
    std::vector<Statement> body, otherwise;
};

struct Tree {
    std::string place;  // opens messages
    std::vector<std::string> names;
    std::vector<Statement> body;
    bool has_generation = false;  // it has {% generation %} blocks
};

}  // namespace puna::jinja
