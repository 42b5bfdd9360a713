// covers: src/core/json_document.cpp
#include "core/fuzz.h"
#include "core/json_document.h"

namespace {

// Asks a value for everything; Errors are answers too.
template <class F>
void ask(F f) {
    try {
        f();
    } catch (const puna::Error&) {
    }
}

void walk(puna::JsonNode node) {
    ask([&] { node.integer(); });
    ask([&] { node.number(); });
    ask([&] { node.text(); });
    ask([&] { node.integer("a", 1); });
    ask([&] { node.count("a"); });
    ask([&] { node.text("a", ""); });
    ask([&] { node.need("b").boolean(); });
    ask([&] { node.reject("was found"); });
    ask([&] {
        for (puna::JsonNode item : node.items()) walk(item);
    });
    ask([&] {
        for (const puna::JsonMember& member : node.unique_members())
            puna::check(node.find_any(member.name)->raw() == member.value.raw(), "two values of one name");
    });
    ask([&] {
        for (const puna::JsonMember& member : node.members()) {
            puna::check(node.find_any(member.name).has_value(), "a member that is not found");
            walk(member.value);
        }
    });
    puna::JsonDocument again(node.raw(), "its own text");
    puna::check(again.root().is_array() == node.is_array() && again.root().raw() == node.raw(), "another value");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, std::min<size_t>(size, 1000), [](std::string_view input) {  // the walk is quadratic
        walk(puna::JsonDocument(input, "input", {.values = 100, .depth = 6}).root());
    });
}
