// covers: src/model/config.cpp
#include "core/fuzz.h"
#include "model/config.h"
#include "model/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Config config = puna::parse_config(input, "config.json");
        puna::rotary_frequencies(config);
        puna::parameter_count(config);
        puna::parse_config(puna::config_json(config, puna::Dtype::bf16), "round trip");
    });
}
