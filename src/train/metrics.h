// train/metrics.h — per-step logs: metrics.jsonl is deterministic, the same for every run of a recipe; timing.jsonl
// holds wall-clock measurements.
//
//   std::string line = to_line(StepMetrics{.step = 3, .loss = 2.5, .trained = 512});
//   std::optional<StepMetrics> read = parse_metrics(line);
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// A text that the model generated; of a chat, an answer to the message `prompt`.
struct TextSample {
    std::string prompt, text;
};

// Values that were not measured, such as a mean over no tokens, are NaN and omitted from the line.
struct StepMetrics {
    int64_t step = 0;                                       // steps done, from 1
    double loss = 0, learning_rate = 0, gradient_norm = 0;  // loss: nats per trained token
    int64_t trained = 0;                                    // tokens in the loss of this step
    double validation_loss = 0, bits_per_byte = 0;
    std::optional<TextSample> sample = {};
};
std::string to_line(const StepMetrics& metrics);

struct StepTiming {
    int64_t step = 0;
    double seconds = 0, tokens_per_second = 0, share = 0;  // share: fraction of the machine's peak
};
std::string to_line(const StepTiming& timing);

// None for a damaged line and one without a step.
std::optional<StepMetrics> parse_metrics(std::string_view line);
std::optional<StepTiming> parse_timing(std::string_view line);

// The valid lines, in order. Throws Error if the file cannot be read.
std::vector<StepMetrics> read_metrics(const std::filesystem::path& path);
std::vector<StepTiming> read_timing(const std::filesystem::path& path);

// Totals, last and best values of the lines. NaN: never measured.
// A mean in which each value weighs 5 % less than the one after it.
struct SmoothedValue {
    double sum = 0, weight = 0;
    void add(double value);
    double mean() const { return weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN(); }
};

struct RunSummary {
    static constexpr double nan = std::numeric_limits<double>::quiet_NaN();

    int64_t steps = 0, trained = 0;                     // trained: tokens in the loss, over all steps
    SmoothedValue loss = {};                            // of training
    double validation_loss = nan, bits_per_byte = nan;  // last measured values
    double best_validation_loss = nan, best_bits_per_byte = nan;
    int64_t best_step = 0;                        // of the best validation loss
    double seconds = 0;                           // in steps, without validation and checkpoints
    double tokens_per_second = nan, share = nan;  // medians
};
RunSummary summarize(const std::vector<StepMetrics>& metrics, const std::vector<StepTiming>& timing);
void add(RunSummary& summary, const StepMetrics& next);

double median(std::vector<double> values);  // of the finite ones; NaN if there are none

}  // namespace puna
