// covers: src/infer/generation_config.cpp
#include "core/fuzz.h"
#include "infer/generation_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size,
                      [](std::string_view input) { puna::parse_generation_config(input, "generation_config.json"); });
}
