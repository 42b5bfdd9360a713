// covers: src/train/manifest.cpp
#include "core/fuzz.h"
#include "train/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::Manifest manifest = puna::parse_manifest(input, "manifest.json");
        puna::parse_manifest(puna::manifest_json(manifest), "its own output");
    });
}
