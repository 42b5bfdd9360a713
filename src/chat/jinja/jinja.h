// chat/jinja/jinja.h — Jinja2 as chat templates use it: parse once, render any number of times.
//
//   Tree tree = parse(source, "model/chat_template.jinja");
//   Budget budget{Limits{}};
//   Text text = render(tree, {{"messages", messages}, {"add_generation_prompt", true}}, now, budget);
//
// Output is byte for byte that of Jinja2 in the environment that transformers' apply_chat_template creates: immutable
// sandbox, trim_blocks, lstrip_blocks, loop controls, {% generation %} blocks, tojson as json.dumps, raise_exception,
// strftime_now; no autoescape. Unsupported: include, import, extends, block, do, autoescape, filters for web pages,
// integers beyond 64 bits in arithmetic. Templates are untrusted input: Limits bound their work, memory and recursion.
//
// Sources: https://jinja.palletsprojects.com/en/3.1.x/templates (syntax, built-in filters, tests and globals);
// https://huggingface.co/docs/transformers/chat_templating_writing (the environment).
#pragma once
#include "chat/jinja/syntax_tree.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna::jinja {

// origin: the template's file or another name, which begins every error message. Throws Error "origin:line: ..." for
// syntax errors, unsupported statements, filters and tests, and for a source or nesting beyond the limits.
Tree parse(std::string_view source, std::string_view origin, const Limits& limits = {});

using Variables = std::vector<std::pair<std::string, Value>>;

// The template's text; each character carries the flags of chat/jinja/text.h. Thread-safe: the tree is only read.
// now: what strftime_now formats, UTC; without it a call of strftime_now is an Error. Throws Error "origin:line: ..."
// for whatever fails in Python, for raise_exception, for unknown filters and tests, and when the budget is exceeded.
Text render(const Tree& tree, const Variables& variables, std::optional<std::chrono::sys_seconds> now, Budget& budget);

}  // namespace puna::jinja
