// covers: src/library/card.cpp src/library/yaml.cpp
#include "core/fuzz.h"
#include "library/card.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        live_limit += 64 * input.size();  // a character is an item of a list
        CardMetadata card = parse_card(input, "input");
        for (const std::string& base : card.base_models) check(!base.empty(), "a base without a name");
        parse_card(card_text("Title", card), "what was written");
        FuzzFile file(input);
        check(read_card(file.path()).license == card.license, "another license");
    });
}
