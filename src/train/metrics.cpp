#include "train/metrics.h"

#include "core/error.h"
#include "core/json.h"
#include "core/json_text.h"
#include "core/mapped_file.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

namespace puna {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t max_integer = int64_t{1} << 40;  // as in a recipe; the sum of a million steps fits in 64 bits

void add(JsonObject& json, const char* name, double value) {
    if (std::isfinite(value)) json.add(name, value);
}

template <class Row>
struct Column {
    std::string_view name;
    double Row::*number;    // either this
    int64_t Row::*integer;  // or this
};

constexpr Column<StepMetrics> metrics_columns[] = {{"step", nullptr, &StepMetrics::step},
                                                   {"loss", &StepMetrics::loss, nullptr},
                                                   {"learning_rate", &StepMetrics::learning_rate, nullptr},
                                                   {"gradient_norm", &StepMetrics::gradient_norm, nullptr},
                                                   {"trained", nullptr, &StepMetrics::trained},
                                                   {"validation_loss", &StepMetrics::validation_loss, nullptr},
                                                   {"bits_per_byte", &StepMetrics::bits_per_byte, nullptr}};

constexpr Column<StepTiming> timing_columns[] = {{"step", nullptr, &StepTiming::step},
                                                 {"seconds", &StepTiming::seconds, nullptr},
                                                 {"tokens_per_second", &StepTiming::tokens_per_second, nullptr},
                                                 {"share", &StepTiming::share, nullptr}};

template <class Row>
void set_value(Row& row, const Column<Row>& column, const JsonEvent& value) {
    bool is_integer = value.kind == JsonEvent::integer, is_number = is_integer || value.kind == JsonEvent::number;
    bool valid = column.integer ? is_integer && value.integer_value >= 0 && value.integer_value <= max_integer
                                : is_number && std::isfinite(value.number_value);
    if (!valid) fail(ErrorKind::damaged, "{} is not a number, or out of range", column.name);
    if (column.integer)
        row.*column.integer = value.integer_value;
    else
        row.*column.number = value.number_value;
}

// Without a tree, since a long run has millions of lines. Throws Error for a damaged one.
template <class Row, size_t n>
class LineParser {
 public:
    LineParser(const Column<Row> (&columns)[n], Row& row) : columns_(columns), row_(row) {}

    void operator()(const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail(ErrorKind::damaged, "not a JSON object");
        if (event.depth == 1 && event.kind == JsonEvent::key) return begin_member(event.text);
        if (event.depth == 1 && column_ && event.kind != JsonEvent::null) set_value(row_, *column_, event);
        if constexpr (std::is_same_v<Row, StepMetrics>)
            if (event.depth == 2 && in_sample_) read_sample(event);
    }

 private:
    void begin_member(std::string_view name) {
        auto at = std::find_if(columns_, columns_ + n, [&](const Column<Row>& c) { return c.name == name; });
        column_ = at == columns_ + n ? nullptr : at;
        in_sample_ = name == "sample";
    }

    void read_sample(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) {
            sample_text_ = nullptr;
            if (!row_.sample) row_.sample.emplace();
            if (event.text == "prompt") sample_text_ = &row_.sample->prompt;
            if (event.text == "text") sample_text_ = &row_.sample->text;
        } else if (event.kind == JsonEvent::string && sample_text_) {
            *sample_text_ = event.text;
        }
    }

    const Column<Row> (&columns_)[n];
    Row& row_;
    const Column<Row>* column_ = nullptr;  // of the current member
    bool in_sample_ = false;
    std::string* sample_text_ = nullptr;
};

// None for a damaged line, or one without a step.
template <class Row, size_t n>
std::optional<Row> parse_line(std::string_view line, const Column<Row> (&columns)[n], Row row) {
    LineParser<Row, n> parser(columns, row);
    try {
        read_json(line, "", std::ref(parser));
    } catch (const Error&) {
        return {};
    }
    return row.step > 0 ? std::optional(std::move(row)) : std::nullopt;
}

// parse(line): the row of a line, if it is valid.
template <class Row>
std::vector<Row> read_rows(const std::filesystem::path& path, std::optional<Row> parse(std::string_view)) {
    MappedFile file(path);
    std::vector<Row> rows;
    for (std::string_view text = file.text(); !text.empty();) {
        size_t end = std::min(text.find('\n'), text.size());
        if (std::optional<Row> row = parse(text.substr(0, end))) rows.push_back(std::move(*row));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return rows;
}

}  // namespace

double median(std::vector<double> values) {
    std::erase_if(values, [](double x) { return !std::isfinite(x); });
    if (values.empty()) return nan;
    auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

void SmoothedValue::add(double value) {
    constexpr double decay = 0.95;
    sum = decay * sum + (1 - decay) * value;
    weight = decay * weight + (1 - decay);
}

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

std::optional<StepMetrics> parse_metrics(std::string_view line) {
    return parse_line(
        line, metrics_columns,
        StepMetrics{
            .loss = nan, .learning_rate = nan, .gradient_norm = nan, .validation_loss = nan, .bits_per_byte = nan});
}

std::optional<StepTiming> parse_timing(std::string_view line) {
    return parse_line(line, timing_columns, StepTiming{.seconds = nan, .tokens_per_second = nan, .share = nan});
}

std::vector<StepMetrics> read_metrics(const std::filesystem::path& path) { return read_rows(path, parse_metrics); }
std::vector<StepTiming> read_timing(const std::filesystem::path& path) { return read_rows(path, parse_timing); }

void add(RunSummary& s, const StepMetrics& m) {
    s.steps = m.step;
    s.trained += m.trained;
    if (std::isfinite(m.loss)) s.loss.add(m.loss);
    if (std::isfinite(m.validation_loss)) s.validation_loss = m.validation_loss;
    if (std::isfinite(m.bits_per_byte)) s.bits_per_byte = m.bits_per_byte;
    s.best_bits_per_byte = std::fmin(s.best_bits_per_byte, m.bits_per_byte);
    if (!std::isfinite(m.validation_loss) || m.validation_loss >= s.best_validation_loss) return;
    s.best_validation_loss = m.validation_loss;
    s.best_step = m.step;
}

RunSummary summarize(const std::vector<StepMetrics>& metrics, const std::vector<StepTiming>& timing) {
    RunSummary s;
    for (const StepMetrics& m : metrics) add(s, m);
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

}  // namespace puna
