// covers: src/model/config.cpp src/model/rope_scaling.cpp src/model/rotary_frequencies.cpp src/model/supported.cpp
#include "core/fuzz.h"
#include "model/config.h"
#include "model/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Config config = puna::parse_config(input, "config.json");
        puna::describe_rope(config, 1);
        puna::rotary_frequencies(config, config.context);
        puna::parameter_count(config);
        puna::parse_config(puna::config_json(config, puna::Dtype::bf16), "round trip");
    });
}
