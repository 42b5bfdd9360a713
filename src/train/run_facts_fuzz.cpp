// covers: src/train/run_facts.cpp
#include "core/fuzz.h"
#include "train/run_facts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::RunFacts facts = puna::parse_run_facts(input, "run.json");
        puna::parse_run_facts(puna::run_facts_json(facts), "its own output");
    });
}
