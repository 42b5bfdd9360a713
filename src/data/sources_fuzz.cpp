// covers: src/data/sources.cpp
#include "core/fuzz.h"
#include "data/sources.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        live_limit += 16 * input.size();  // a short line is a Source
        for (const Source& source : parse_sources(input, "input")) {
            std::string line = source_json(source);
            check(source_json(parse_sources(line, "its own output").at(0)) == line, "a source is read as another");
        }
    });
}
