// Templates for tests: render_jinja prints a line of JSON for each line of JSON on standard input, which has a
// `template`, its `input` (the variables) and `now` (2024-07-26T13:05:09): {"output": text} or {"error": message}.
#include "chat/jinja/jinja.h"
#include "chat/jinja/json.h"
#include "core/error.h"

#include <fmt/core.h>

#include <cstdio>
#include <iostream>

namespace {

using namespace puna::jinja;

std::chrono::sys_seconds read_time(const std::string& text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second) != 6)
        puna::fail("'{}' is no time", text);
    std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                     std::chrono::day(static_cast<unsigned>(day))};
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

std::string render_line(const std::string& line) {
    Budget budget{Limits{}};
    Value json = parse_json(line, "the line", budget);
    auto field = [&](std::string_view name) {
        const Value* value = json.dict().find(text_value(name), budget);
        if (!value) puna::fail("the line has no '{}'", name);
        return *value;
    };
    Variables variables;
    for (const auto& [name, value] : field("input").dict().items())
        variables.emplace_back(encode_utf8(name.text()), value);
    Tree tree = parse(encode_utf8(field("template").text()), "template");
    return encode_utf8(render(tree, variables, read_time(encode_utf8(field("now").text())), budget));
}

std::string quoted(const std::string& text) {
    Budget budget{Limits{}};
    return encode_utf8(dump_json(Value(decode_utf8(text, 0)), {}, budget));
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        try {
            fmt::print("{{\"output\": {}}}\n", quoted(render_line(line)));
        } catch (const puna::Error& problem) {
            fmt::print("{{\"error\": {}}}\n", quoted(problem.what()));
        }
    }
}
