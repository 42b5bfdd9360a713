#include "train/metrics.h"

#include "core/error.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <utility>

namespace puna {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void add(JsonObject& json, const char* name, double value) {
    if (std::isfinite(value)) json.add(name, value);
}

// row_of(object): the row of a line.
template <class RowOf>
auto read_rows(const std::filesystem::path& path, RowOf row_of) {
    MappedFile file(path);
    std::vector<decltype(row_of(std::declval<JsonNode>()))> rows;
    for (std::string_view text = file.text(); !text.empty();) {
        size_t end = std::min(text.find('\n'), text.size());
        try {
            JsonDocument line(text.substr(0, end), path.string(), {.values = 100});
            if (auto row = row_of(line.root()); row.step > 0) rows.push_back(row);
        } catch (const Error&) {  // skip the damaged line
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return rows;
}

std::optional<TextSample> sample_of(const JsonNode& line) {
    std::optional<JsonNode> sample = line.find("sample");
    if (!sample) return {};
    return TextSample{sample->text("prompt", ""), sample->text("text", "")};
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
    JsonObject json{{"step", m.step}};
    add(json, "loss", m.loss);
    add(json, "learning_rate", m.learning_rate);
    add(json, "gradient_norm", m.gradient_norm);
    json.add("trained", m.trained);
    add(json, "validation_loss", m.validation_loss);
    add(json, "bits_per_byte", m.bits_per_byte);
    if (m.sample) json.add("sample", JsonObject{{"prompt", m.sample->prompt}, {"text", m.sample->text}});
    return json.text();
}

std::string to_line(const StepTiming& t) {
    JsonObject json{{"step", t.step}};
    add(json, "seconds", t.seconds);
    add(json, "tokens_per_second", t.tokens_per_second);
    add(json, "share", t.share);
    return json.text();
}

std::vector<StepMetrics> read_metrics(const std::filesystem::path& path) {
    return read_rows(path, [](JsonNode line) {
        return StepMetrics{.step = line.integer("step", 0),
                           .loss = line.number("loss", nan),
                           .learning_rate = line.number("learning_rate", nan),
                           .gradient_norm = line.number("gradient_norm", nan),
                           .trained = line.integer("trained", 0),
                           .validation_loss = line.number("validation_loss", nan),
                           .bits_per_byte = line.number("bits_per_byte", nan),
                           .sample = sample_of(line)};
    });
}

std::vector<StepTiming> read_timing(const std::filesystem::path& path) {
    return read_rows(path, [](JsonNode line) {
        return StepTiming{.step = line.integer("step", 0),
                          .seconds = line.number("seconds", nan),
                          .tokens_per_second = line.number("tokens_per_second", nan),
                          .share = line.number("share", nan)};
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
        fail_errno(errno, "{}: cannot {}", path.string(),
                   keep_bytes > 0 ? "open the lines written before the checkpoint" : "create");
    struct stat status;
    bool readable = ::fstat(descriptor_, &status) == 0;
    if (!readable || status.st_size < keep_bytes) {
        ::close(descriptor_);
        fail(
            "{}: is shorter than the checkpoint records ({} bytes): restore it, or start again in another output "
            "folder",
            path.string(), keep_bytes);
    }
    if (::ftruncate(descriptor_, keep_bytes) != 0 || ::lseek(descriptor_, keep_bytes, SEEK_SET) < 0) {
        int reason = errno;
        ::close(descriptor_);
        fail_errno(reason, "{}: cannot truncate to {} bytes", path.string(), keep_bytes);
    }
}

JsonLines::~JsonLines() { ::close(descriptor_); }

void JsonLines::append(const std::string& line) {
    std::string text = line + "\n";
    std::string_view left = text;
    while (!left.empty()) {
        ssize_t n = ::write(descriptor_, left.data(), left.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno(errno, "{}: cannot write", path_.string());
        left.remove_prefix(static_cast<size_t>(n));
    }
    bytes_ += static_cast<int64_t>(text.size());
}

void JsonLines::sync() {
    if (::fsync(descriptor_) != 0) fail_errno(errno, "{}: cannot write to disk", path_.string());
}

}  // namespace puna
