// train/metrics.h — what a run says of itself, line by line: metrics.jsonl holds what the numbers alone decide, and is
// the same for every run of a recipe; timing.jsonl holds what the clock says.
//
//   JsonLines metrics(folder / "metrics.jsonl", state.metrics_bytes);     // cut to what belongs to the checkpoint
//   metrics.append(line);
//   metrics.sync();                                                       // before a checkpoint names its length
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// What was not measured, such as a mean over no tokens, is NaN and left out of the line.
struct StepMetrics {
    int64_t step = 0;                                       // steps that were taken
    double loss = 0, learning_rate = 0, gradient_norm = 0;  // loss: nats a trained token
    int64_t trained = 0;                                    // tokens of this step with a target
    double validation_loss = 0, bits_per_byte = 0;
};
std::string to_line(const StepMetrics& metrics);

struct StepTiming {
    int64_t step = 0;
    double seconds = 0, tokens_per_second = 0, share = 0;  // share: of the machine's peak
};
std::string to_line(const StepTiming& timing);

// The lines that can be read, in their order: one that is damaged or has no step is passed over. Throws Error where the
// file cannot be read.
std::vector<StepMetrics> read_metrics(const std::filesystem::path& path);
std::vector<StepTiming> read_timing(const std::filesystem::path& path);

// What the lines come to. NaN: never measured.
struct RunSummary {
    int64_t steps = 0, trained = 0;                           // trained: tokens with a target, over all steps
    double loss = 0, validation_loss = 0, bits_per_byte = 0;  // the last that were measured
    double best_bits_per_byte = 0;
    double seconds = 0;                       // in steps: validation and checkpoints are not counted
    double tokens_per_second = 0, share = 0;  // medians
};
RunSummary summarize(const std::vector<StepMetrics>& metrics, const std::vector<StepTiming>& timing);

// A file that only grows. Throws Error when a write fails; what was synced stays.
class JsonLines {
 public:
    JsonLines(const std::filesystem::path& path, int64_t keep_bytes);
    ~JsonLines();
    JsonLines(const JsonLines&) = delete;

    void append(const std::string& line);
    void sync();
    int64_t bytes() const { return bytes_; }

 private:
    std::filesystem::path path_;
    int descriptor_;
    int64_t bytes_ = 0;
};

}  // namespace puna
