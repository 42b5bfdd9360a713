// chat/jinja/jinja.h — Jinja2 as chat templates use it: parsed once, rendered any number of times.
//
//   Tree tree = parse(source, "model/chat_template.jinja");
//   Budget budget{Limits{}};
//   Text text = render(tree, {{"messages", messages}, {"add_generation_prompt", true}}, now, budget);
//
// What it renders is what Jinja2 renders in the environment that transformers makes: immutable sandbox, trim_blocks,
// lstrip_blocks, loop controls, {% generation %} blocks, json.dumps as `tojson`, raise_exception, strftime_now. What is
// not known here (include, extends, do, filters for web pages) is an Error that names the place, the line and the
// thing; so is whatever fails in Python. Templates are hostile input: Limits bound what they may do.
#pragma once
#include "chat/jinja/syntax_tree.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna::jinja {

Tree parse(std::string_view source, std::string_view place, const Limits& limits = {});

using Variables = std::vector<std::pair<std::string, Value>>;

// now: what strftime_now formats; without it a template that asks for the time is refused.
Text render(const Tree& tree, const Variables& variables, std::optional<std::chrono::sys_seconds> now, Budget& budget);

}  // namespace puna::jinja
