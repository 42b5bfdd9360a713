// covers: src/model/meta_params.cpp
#include "core/fuzz.h"
#include "model/meta_params.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Config config = puna::parse_meta_params(input, "params.json", 512);
        puna::rotary_frequencies(config, 0);
        puna::Config again = puna::parse_meta_params(puna::meta_params_json(config, "params.json"), "written", 512);
        puna::check(again.dim == config.dim && again.layers == config.layers && again.heads == config.heads &&
                        again.kv_heads == config.kv_heads && again.ffn == config.ffn &&
                        again.vocabulary == config.vocabulary && again.rope_theta == config.rope_theta,
                    "params.json does not round-trip");
    });
}
