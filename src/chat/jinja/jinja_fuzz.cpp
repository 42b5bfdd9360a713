// covers: src/chat/jinja/lexer.cpp src/chat/jinja/token_stream.cpp src/chat/jinja/expression_parser.cpp
// src/chat/jinja/parser.cpp src/chat/jinja/renderer.cpp src/chat/jinja/evaluate.cpp src/chat/jinja/operators.cpp
// src/chat/jinja/builtins.cpp src/chat/jinja/filters.cpp src/chat/jinja/sequence_filters.cpp src/chat/jinja/tests.cpp
// src/chat/jinja/global_functions.cpp src/chat/jinja/str_methods.cpp src/chat/jinja/collection_methods.cpp
// src/chat/jinja/value.cpp src/chat/jinja/json.cpp src/chat/jinja/python_str.cpp src/chat/jinja/python_format.cpp
// src/chat/jinja/sequences.cpp src/chat/jinja/strftime.cpp
#include "chat/jinja/jinja.h"
#include "chat/jinja/json.h"
#include "core/fuzz.h"

#include <algorithm>

// The input: a template, optionally followed by a line ==== and the variables as a JSON object.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna::jinja;
    return puna::fuzz(data, size, [](std::string_view input) {
        constexpr std::string_view line = "\n====\n";
        size_t end = std::min(input.find(line), input.size());
        Limits limits{.steps = 20'000, .characters = 1 << 15, .source = 4096, .depth = 200, .range = 1000};
        Budget budget(limits);
        Variables variables;
        if (end < input.size()) {
            Value json = parse_json(input.substr(end + line.size()), "variables", budget);
            if (!json.is_dict()) puna::fail("variables: not an object");
            for (const auto& [name, value] : json.dict().items())
                variables.emplace_back(encode_utf8(name.text()), value);
        }
        Tree tree = parse(input.substr(0, end), "template", limits);
        Budget first(limits), second(limits);
        Text text = render(tree, variables, std::chrono::sys_seconds{}, first);
        puna::check(text == render(tree, variables, std::chrono::sys_seconds{}, second), "two renderings differ");
    });
}
