// covers: src/core/json.cpp src/core/json_value.cpp
#include "core/fuzz.h"
#include "core/json_value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view json) {
        auto decode = [](const puna::JsonValue& value) {
            if (value.is_string()) puna::text_of(value, "input");
            puna::check(!puna::integer_of(value) || value.is_number(), "an integer that is no number");
            puna::compact_json(value.raw);
        };
        puna::check(!puna::find_member(json, "a", "input") || !puna::first_item(json, "input"), "a member and an item");
        bool object = puna::for_each_member(json, "input",
                                            [&](std::string_view, const puna::JsonValue& value) { decode(value); });
        bool array = puna::for_each_item(json, "input", decode);
        puna::check(!object || !array, "both an object and an array");
    });
}
