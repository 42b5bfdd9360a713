// The global functions of a template: range, dict, namespace as in Jinja2; raise_exception and strftime_now as in
// transformers.
#include "chat/jinja/builtins.h"
#include "chat/jinja/sequences.h"
#include "chat/jinja/strftime.h"
#include "core/error.h"

namespace puna::jinja {

namespace {

Value range(Call& call) {
    call.required(0);
    bool has_stop = call.has(1);  // range(stop) or range(start, stop)
    int64_t start = has_stop ? call.integer(0, 0) : 0, stop = call.integer(has_stop ? 1 : 0, 0);
    int64_t step = call.integer(2, 1);
    if (step == 0) fail("range() with a step of zero");
    std::vector<Value> numbers;
    for (int64_t n = start; step > 0 ? n < stop : n > stop;) {
        if (static_cast<int64_t>(numbers.size()) == call.budget().limits().range)
            fail("range() of more than {} items", call.budget().limits().range);
        call.budget().step();
        numbers.emplace_back(n);
        if (__builtin_add_overflow(n, step, &n)) break;
    }
    return make_list(std::move(numbers), call.budget(), ListKind::range);
}

// The arguments of dict() and namespace(): a dict or an iterable of pairs, and keywords.
Dict dict_of(Call& call) {
    Dict dict;
    if (call.arguments.positional.size() > 1) fail("{}: takes at most 1 positional argument", call.builtin.name);
    if (!call.arguments.positional.empty()) {
        const Value& from = call.arguments.positional[0];
        if (from.is_dict()) dict = from.dict();
        for (const Value& pair : from.is_dict() ? std::vector<Value>() : iterate(from, call.budget())) {
            std::vector<Value> both = iterate(pair, call.budget());
            if (both.size() != 2) fail("{}: expected pairs of key and value", call.builtin.name);
            dict.set(both[0], both[1], call.budget());
        }
    }
    for (auto& [name, value] : call.arguments.keyword) dict.set(std::move(name), std::move(value), call.budget());
    return dict;
}

Value dict(Call& call) { return make_dict(dict_of(call), call.budget()); }

Value name_space(Call& call) {
    Namespace& result = call.renderer.new_namespace();
    call.budget().write(64);
    Dict values = dict_of(call);
    for (const auto& [name, value] : values.items()) result.values.emplace_back(to_text(name, call.budget()), value);
    return &result;
}

Value raise_exception(Call& call) {
    // Of what the template was given, not of the template.
    fail(ErrorKind::usage, "{}", printable(encode_utf8(to_text(call.required(0), call.budget())), 1000));
}

Value strftime_now(Call& call) {
    constexpr size_t longest = 32;  // of what a directive becomes
    Text format = call.text(0);
    call.budget().write(longest * format.size());
    return format_time(format, call.renderer.now());
}

// A global of Jinja2 that we lack: it must not seem to be undefined.
Value unsupported(Call& call) { fail("{}() is not supported", call.builtin.name); }

constexpr Builtin table[] = {
    {"cycler", "*", unsupported},
    {"dict", "*", dict},
    {"joiner", "*", unsupported},
    {"lipsum", "*", unsupported},
    {"namespace", "*", name_space},
    {"raise_exception", "message", raise_exception},
    {"range", "start stop step", range},
    {"self", "*", unsupported},
    {"strftime_now", "format", strftime_now},
};

}  // namespace

const std::span<const Builtin> global_functions = table;

}  // namespace puna::jinja
