// covers: src/model/generation_defaults.cpp
#include "core/fuzz.h"
#include "model/generation_defaults.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size,
                      [](std::string_view input) { puna::parse_generation_defaults(input, "generation_config.json"); });
}
