// covers: src/model/generation_defaults.cpp
#include "core/fuzz.h"
#include "model/config.h"
#include "model/generation_defaults.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Config config{.vocabulary = 512, .bos = 1, .pad = 0, .eos = {2, 3}};
        std::string written = puna::generation_config_json(config, input);
        puna::check(puna::parse_generation_defaults(input, "generation_config.json", 512).sample ==
                        puna::parse_generation_defaults(written, "written", 512).sample,
                    "generation_config.json does not round-trip");
    });
}
