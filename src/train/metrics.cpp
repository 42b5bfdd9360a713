#include "train/metrics.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

void add(nlohmann::ordered_json& json, const char* name, double value) {
    if (std::isfinite(value)) json[name] = value;
}

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// One row per line: set(row, key, event) is called for each number.
template <class Row, class Set>
std::vector<Row> read_rows(const std::filesystem::path& path, const Row& empty, Set set) {
    MappedFile file(path);
    std::vector<Row> rows;
    for (std::string_view text = file.text(); !text.empty();) {
        size_t end = std::min(text.find('\n'), text.size());
        Row row = empty;
        std::string key;
        try {
            read_json(text.substr(0, end), path.string(), [&](const JsonEvent& event) {
                if (event.kind == JsonEvent::key) key = event.text;
                if (event.kind == JsonEvent::integer || event.kind == JsonEvent::number) set(row, key, event);
            });
            if (row.step > 0) rows.push_back(row);
        } catch (const Error&) {  // skip the damaged line
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return rows;
}

// Of the finite values; NaN if there are none.
double median(std::vector<double> values) {
    std::erase_if(values, [](double x) { return !std::isfinite(x); });
    if (values.empty()) return nan;
    auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

}  // namespace

std::string to_line(const StepMetrics& m) {
    nlohmann::ordered_json json{{"step", m.step}};
    add(json, "loss", m.loss);
    add(json, "learning_rate", m.learning_rate);
    add(json, "gradient_norm", m.gradient_norm);
    json["trained"] = m.trained;
    add(json, "validation_loss", m.validation_loss);
    add(json, "bits_per_byte", m.bits_per_byte);
    return json.dump();
}

std::string to_line(const StepTiming& t) {
    nlohmann::ordered_json json{{"step", t.step}};
    add(json, "seconds", t.seconds);
    add(json, "tokens_per_second", t.tokens_per_second);
    add(json, "share", t.share);
    return json.dump();
}

std::vector<StepMetrics> read_metrics(const std::filesystem::path& path) {
    StepMetrics empty{
        .loss = nan, .learning_rate = nan, .gradient_norm = nan, .validation_loss = nan, .bits_per_byte = nan};
    return read_rows(path, empty, [](StepMetrics& m, const std::string& key, const JsonEvent& event) {
        if (key == "step") m.step = event.integer_value;
        if (key == "loss") m.loss = event.number_value;
        if (key == "learning_rate") m.learning_rate = event.number_value;
        if (key == "gradient_norm") m.gradient_norm = event.number_value;
        if (key == "trained") m.trained = event.integer_value;
        if (key == "validation_loss") m.validation_loss = event.number_value;
        if (key == "bits_per_byte") m.bits_per_byte = event.number_value;
    });
}

std::vector<StepTiming> read_timing(const std::filesystem::path& path) {
    StepTiming empty{.seconds = nan, .tokens_per_second = nan, .share = nan};
    return read_rows(path, empty, [](StepTiming& t, const std::string& key, const JsonEvent& event) {
        if (key == "step") t.step = event.integer_value;
        if (key == "seconds") t.seconds = event.number_value;
        if (key == "tokens_per_second") t.tokens_per_second = event.number_value;
        if (key == "share") t.share = event.number_value;
    });
}

RunSummary summarize(const std::vector<StepMetrics>& metrics, const std::vector<StepTiming>& timing) {
    RunSummary s{.loss = nan, .validation_loss = nan, .bits_per_byte = nan, .best_bits_per_byte = nan};
    for (const StepMetrics& m : metrics) {
        s.steps = m.step;
        s.trained += m.trained;
        if (std::isfinite(m.loss)) s.loss = m.loss;
        if (std::isfinite(m.validation_loss)) s.validation_loss = m.validation_loss;
        if (!std::isfinite(m.bits_per_byte)) continue;
        s.bits_per_byte = m.bits_per_byte;
        s.best_bits_per_byte = std::fmin(s.best_bits_per_byte, m.bits_per_byte);
    }
    std::vector<double> speeds, shares;
    for (const StepTiming& t : timing) {
        if (std::isfinite(t.seconds)) s.seconds += t.seconds;
        speeds.push_back(t.tokens_per_second);
        shares.push_back(t.share);
    }
    s.tokens_per_second = median(std::move(speeds));
    s.share = median(std::move(shares));
    return s;
}

JsonLines::JsonLines(const std::filesystem::path& path, int64_t keep_bytes) : path_(path), bytes_(keep_bytes) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (keep_bytes > 0 ? 0 : O_CREAT), 0666);
    if (descriptor_ < 0)
        fail("{}: cannot {}: {}", path.string(),
             keep_bytes > 0 ? "open the lines written before the checkpoint" : "create", system_reason(errno));
    struct stat status;
    bool readable = ::fstat(descriptor_, &status) == 0;
    if (!readable || status.st_size < keep_bytes) {
        ::close(descriptor_);
        fail("{}: is shorter than the checkpoint records ({} bytes): restore it, or start again in another --output",
             path.string(), keep_bytes);
    }
    if (::ftruncate(descriptor_, keep_bytes) != 0 || ::lseek(descriptor_, keep_bytes, SEEK_SET) < 0) {
        int reason = errno;
        ::close(descriptor_);
        fail("{}: cannot truncate to {} bytes: {}", path.string(), keep_bytes, system_reason(reason));
    }
}

JsonLines::~JsonLines() { ::close(descriptor_); }

void JsonLines::append(const std::string& line) {
    std::string text = line + "\n";
    std::string_view left = text;
    while (!left.empty()) {
        ssize_t n = ::write(descriptor_, left.data(), left.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("{}: cannot write: {}", path_.string(), system_reason(errno));
        left.remove_prefix(static_cast<size_t>(n));
    }
    bytes_ += static_cast<int64_t>(text.size());
}

void JsonLines::sync() {
    if (::fsync(descriptor_) != 0) fail("{}: cannot write to disk: {}", path_.string(), system_reason(errno));
}

}  // namespace puna
