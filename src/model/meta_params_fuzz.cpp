// covers: src/model/meta_params.cpp
#include "core/fuzz.h"
#include "model/meta_params.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::rotary_frequencies(puna::parse_meta_params(input, "params.json", 512), 0);
    });
}
