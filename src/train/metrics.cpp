#include "train/metrics.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

void put(nlohmann::ordered_json& json, const char* name, double value) {
    if (std::isfinite(value)) json[name] = value;
}

// Calls take(name, number) for the numbers of each line, and end_line after it.
template <class Take, class End>
void each_line(const std::filesystem::path& path, Take take, End end_line) {
    MappedFile file(path);
    std::string_view text = file.text();
    while (!text.empty()) {
        size_t end = std::min(text.find('\n'), text.size());
        std::string key;
        read_json(text.substr(0, end), path.string(), [&](const JsonEvent& event) {
            if (event.kind == JsonEvent::key) key = event.text;
            if (event.kind == JsonEvent::integer || event.kind == JsonEvent::number) take(key, event.number_value);
        });
        end_line();
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

std::string to_line(const StepMetrics& m) {
    nlohmann::ordered_json json{{"step", m.step}};
    put(json, "loss", m.loss);
    put(json, "learning_rate", m.learning_rate);
    put(json, "gradient_norm", m.gradient_norm);
    json["trained"] = m.trained;
    put(json, "validation_loss", m.validation_loss);
    put(json, "bits_per_byte", m.bits_per_byte);
    return json.dump();
}

std::string to_line(const StepTiming& t) {
    nlohmann::ordered_json json{{"step", t.step}};
    put(json, "seconds", t.seconds);
    put(json, "tokens_per_second", t.tokens_per_second);
    put(json, "share", t.share);
    return json.dump();
}

std::vector<StepMetrics> read_metrics(const std::filesystem::path& path) {
    std::vector<StepMetrics> list;
    StepMetrics empty{.loss = nothing, .learning_rate = nothing, .gradient_norm = nothing, .validation_loss = nothing, .bits_per_byte = nothing}, m = empty;
    each_line(path, [&](const std::string& key, double value) {
        if (key == "step") m.step = static_cast<int64_t>(value);
        if (key == "loss") m.loss = value;
        if (key == "learning_rate") m.learning_rate = value;
        if (key == "gradient_norm") m.gradient_norm = value;
        if (key == "trained") m.trained = static_cast<int64_t>(value);
        if (key == "validation_loss") m.validation_loss = value;
        if (key == "bits_per_byte") m.bits_per_byte = value;
    }, [&] {
        list.push_back(m);
        m = empty;
    });
    return list;
}

std::vector<StepTiming> read_timing(const std::filesystem::path& path) {
    std::vector<StepTiming> list;
    StepTiming t;
    each_line(path, [&](const std::string& key, double value) {
        if (key == "step") t.step = static_cast<int64_t>(value);
        if (key == "seconds") t.seconds = value;
        if (key == "tokens_per_second") t.tokens_per_second = value;
        if (key == "share") t.share = value;
    }, [&] {
        list.push_back(t);
        t = {};
    });
    return list;
}

JsonLines::JsonLines(const std::filesystem::path& path, int64_t keep_bytes) : path_(path), bytes_(keep_bytes) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("{}: cannot create: {}", path.string(), system_reason(errno));
    struct stat status;
    bool readable = ::fstat(descriptor_, &status) == 0;
    if (!readable || status.st_size < keep_bytes) {
        ::close(descriptor_);
        fail("{}: is shorter than the checkpoint says ({} bytes): put it back, or begin again in another output folder", path.string(), keep_bytes);
    }
    if (::ftruncate(descriptor_, keep_bytes) != 0 || ::lseek(descriptor_, keep_bytes, SEEK_SET) < 0) {
        int reason = errno;
        ::close(descriptor_);
        fail("{}: cannot be cut to {} bytes: {}", path.string(), keep_bytes, system_reason(reason));
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
