// covers: src/core/json.cpp src/core/json_text.cpp
#include "core/fuzz.h"
#include "core/json.h"
#include "core/json_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view json) {
        int depth = 0;
        std::string strings;
        read_json(json, "input", [&](const JsonEvent& event) {
            if (event.kind == JsonEvent::end_object || event.kind == JsonEvent::end_array) --depth;
            check(event.depth == depth, "depth {} is {}", depth, event.depth);
            if (event.kind == JsonEvent::begin_object || event.kind == JsonEvent::begin_array) ++depth;
            if (event.kind == JsonEvent::string) strings = event.text;
            check(event.position <= json.size() && event.text.size() <= event.raw.size(), "more text than there is");
        });
        check(depth == 0, "the end was not reported");
        live_limit += 32 * json.size();  // indentation
        std::string compact = compact_json(json.substr(json.starts_with("\xef\xbb\xbf") ? 3 : 0));
        check(compact_json(indent_json(compact, 2)) == compact, "other tokens");
        std::string quoted = JsonObject{{strings, strings}}.text();
        read_json(quoted, "its own output", [&](const JsonEvent& event) {
            if (event.kind == JsonEvent::string) check(event.text == strings, "another text");
        });
    });
}
