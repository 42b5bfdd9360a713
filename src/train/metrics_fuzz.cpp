// covers: src/train/metrics.cpp
#include "core/fuzz.h"
#include "train/metrics.h"

#include <algorithm>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        std::vector<puna::StepMetrics> metrics;
        std::vector<puna::StepTiming> timing;
        while (!input.empty()) {
            size_t end = std::min(input.find('\n'), input.size());
            std::string_view line = input.substr(0, end);
            if (auto row = puna::parse_metrics(line)) metrics.push_back(*row);
            if (auto row = puna::parse_timing(line)) timing.push_back(*row);
            input.remove_prefix(std::min(end + 1, input.size()));
        }
        for (const puna::StepMetrics& row : metrics)
            puna::check(puna::parse_metrics(to_line(row)).has_value(), "a written line is not read");
        for (const puna::StepTiming& row : timing)
            puna::check(puna::parse_timing(to_line(row)).has_value(), "a written line is not read");
        puna::summarize(metrics, timing);
    });
}
