#include "train/history.h"

#include "core/mapped_file.h"
#include "core/utf8.h"

#include <cmath>
#include <numeric>
#include <optional>
#include <string>

namespace puna {

namespace {

constexpr double max_value = 1e30;  // larger values are not drawn
constexpr size_t max_recent = 20, max_samples = 80, max_sample_bytes = 4000;

void add_finite(Curve& curve, int64_t step, double value) {
    if (std::abs(value) < max_value) curve.add(step, value);
}

// Calls add with the rows of the complete lines in `text`; returns the length of these lines.
template <class Row, class Add>
size_t read_lines(std::string_view text, std::optional<Row> parse(std::string_view), Add add) {
    size_t read = 0;
    for (size_t end = text.find('\n'); end != text.npos; end = text.find('\n', read)) {
        if (std::optional<Row> row = parse(text.substr(read, end - read))) add(*row);
        read = end + 1;
    }
    return read;
}

std::vector<double> values_of(const std::vector<StepValue>& points) {
    std::vector<double> values;
    for (StepValue point : points) values.push_back(point.value);
    return values;
}

}  // namespace

void HistoryReader::update() {
    MappedFile metrics(run_ / "metrics.jsonl");
    std::optional<MappedFile> timing;
    if (file_exists(run_ / "timing.jsonl")) timing.emplace(run_ / "timing.jsonl");
    std::string_view timing_text = timing ? timing->text() : std::string_view();
    if (metrics.text().size() < metrics_bytes_ || timing_text.size() < timing_bytes_) *this = HistoryReader(run_);
    metrics_bytes_ += read_lines<StepMetrics>(metrics.text().substr(metrics_bytes_), parse_metrics,
                                              [&](const StepMetrics& row) { add(row); });
    timing_bytes_ += read_lines<StepTiming>(timing_text.substr(timing_bytes_), parse_timing,
                                            [&](const StepTiming& row) { add(row); });
    history_.summary.tokens_per_second = median(values_of(history_.tokens_per_second.means()));
    history_.summary.share = median(values_of(history_.share.means()));
}

void HistoryReader::add(const StepMetrics& m) {
    RunHistory& h = history_;
    if (m.step <= h.summary.steps) return;
    puna::add(h.summary, m);
    add_finite(h.loss, m.step, m.loss);
    add_finite(h.learning_rate, m.step, m.learning_rate);
    add_finite(h.gradient_norm, m.step, m.gradient_norm);
    add_finite(h.validation_loss, m.step, m.validation_loss);
    add_finite(h.bits_per_byte, m.step, m.bits_per_byte);
    h.trained.add(m.step, static_cast<double>(h.summary.trained));
    if (std::isfinite(m.loss)) recent_losses_.push_back(m.loss);
    if (recent_losses_.size() > max_recent) recent_losses_.pop_front();
    if (m.sample) add_sample(m.step, *m.sample);
    if (!std::isfinite(m.validation_loss) || recent_losses_.empty()) return;
    double sum = std::accumulate(recent_losses_.begin(), recent_losses_.end(), 0.0);
    add_finite(h.gap, m.step, m.validation_loss - sum / static_cast<double>(recent_losses_.size()));
    recent_losses_.clear();
}

void HistoryReader::add(const StepTiming& t) {
    if (t.step <= timed_step_) return;
    timed_step_ = t.step;
    if (std::abs(t.seconds) < max_value) history_.summary.seconds += t.seconds;
    history_.seconds.add(t.step, history_.summary.seconds);
    add_finite(history_.tokens_per_second, t.step, t.tokens_per_second);
    add_finite(history_.share, t.step, t.share);
}

void HistoryReader::add_sample(int64_t step, const TextSample& sample) {
    std::vector<StepSample>& samples = history_.samples;
    auto shortened = [](std::string_view text) {
        std::string_view part = text.substr(0, max_sample_bytes);
        return std::string(part.substr(0, part.size() - incomplete_tail(part)));
    };
    samples.push_back({step, {shortened(sample.prompt), shortened(sample.text)}});
    if (samples.size() <= max_samples) return;
    for (size_t i = 1; 2 * i < samples.size(); ++i) samples[i] = std::move(samples[2 * i]);
    samples.resize((samples.size() + 1) / 2);
}

}  // namespace puna
