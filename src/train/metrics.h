// train/metrics.h — per-step logs: metrics.jsonl is deterministic, the same for every run of a recipe; timing.jsonl
// holds wall-clock measurements.
//
//   JsonLines metrics(folder / "metrics.jsonl", state.metrics_bytes);     // truncated to the checkpoint's length
//   metrics.append(line);
//   metrics.sync();                                                       // before a checkpoint records the length
#pragma once
#include <cstdint>
#include <filesystem>
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

// The valid lines, in order; damaged lines and lines without a step are skipped. Throws Error if the file cannot be
// read.
std::vector<StepMetrics> read_metrics(const std::filesystem::path& path);
std::vector<StepTiming> read_timing(const std::filesystem::path& path);

// Totals and last values of the lines. NaN: never measured.
struct RunSummary {
    int64_t steps = 0, trained = 0;                           // trained: tokens in the loss, over all steps
    double loss = 0, validation_loss = 0, bits_per_byte = 0;  // last measured values
    double best_bits_per_byte = 0;
    double seconds = 0;                       // in steps, without validation and checkpoints
    double tokens_per_second = 0, share = 0;  // medians
};
RunSummary summarize(const std::vector<StepMetrics>& metrics, const std::vector<StepTiming>& timing);

// An append-only file. Throws Error if a write fails; synced lines are preserved.
class JsonLines {
 public:
    JsonLines(const std::filesystem::path& path, int64_t keep_bytes);  // truncates the file to keep_bytes
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
