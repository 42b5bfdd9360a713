#include "train/report.h"

#include "core/atomic_file.h"
#include "train/metrics.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace puna {

namespace {

struct Point {
    double x, y;
};

struct Line {
    std::string name, color;
    std::vector<Point> points;
};

constexpr double width = 720, height = 260, left = 70, right = 15, top = 15, bottom = 35;
constexpr size_t most_points = 1000;

// At most a thousand points: the mean of each of as many stretches.
std::vector<Point> thin(const std::vector<Point>& points) {
    if (points.size() <= most_points) return points;
    std::vector<Point> out;
    for (size_t i = 0; i < most_points; ++i) {
        size_t first = i * points.size() / most_points, last = (i + 1) * points.size() / most_points;
        Point mean{0, 0};
        for (size_t j = first; j < last; ++j) mean = {mean.x + points[j].x, mean.y + points[j].y};
        out.push_back({mean.x / static_cast<double>(last - first), mean.y / static_cast<double>(last - first)});
    }
    return out;
}

// A round distance between about five marks of an axis.
double mark_distance(double range) {
    double raw = range / 5, power = std::pow(10, std::floor(std::log10(raw)));
    for (double step : {1.0, 2.0, 5.0})
        if (step * power >= raw) return step * power;
    return 10 * power;
}

class Plot {
 public:
    explicit Plot(std::vector<Line> lines) : lines_(std::move(lines)) {
        for (Line& line : lines_) {
            line.points = thin(line.points);
            for (Point p : line.points) {
                low_ = any_ ? Point{std::min(low_.x, p.x), std::min(low_.y, p.y)} : p;
                high_ = any_ ? Point{std::max(high_.x, p.x), std::max(high_.y, p.y)} : p;
                any_ = true;
            }
        }
        if (high_.x <= low_.x) high_.x = low_.x + 1;
        if (high_.y <= low_.y) high_.y = low_.y + std::max(1e-9, std::abs(low_.y) * 0.1);
    }

    std::string svg() const {
        if (!any_) return "<p>nothing yet</p>\n";
        std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">\n", width, height);
        for (double y = std::ceil(low_.y / step_y()) * step_y(); y <= high_.y; y += step_y())
            out += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/><text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}</text>\n",
                               left, width - right, at_y(y), at_y(y), left - 6, at_y(y) + 4, y);
        for (double x = std::ceil(low_.x / step_x()) * step_x(); x <= high_.x; x += step_x())
            out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f}</text>\n", at_x(x), height - bottom + 18, x);
        for (size_t i = 0; i < lines_.size(); ++i) out += draw(lines_[i], i);
        return out + "</svg>\n";
    }

 private:
    double step_x() const { return std::max(1.0, mark_distance(high_.x - low_.x)); }
    double step_y() const { return mark_distance(high_.y - low_.y); }
    double at_x(double x) const { return left + (x - low_.x) / (high_.x - low_.x) * (width - left - right); }
    double at_y(double y) const { return height - bottom - (y - low_.y) / (high_.y - low_.y) * (height - top - bottom); }

    std::string draw(const Line& line, size_t place) const {
        std::string points;
        for (Point p : line.points) points += fmt::format("{:.1f},{:.1f} ", at_x(p.x), at_y(p.y));
        std::string out = fmt::format("<polyline points=\"{}\" stroke=\"{}\"/>\n", points, line.color);
        if (line.points.size() == 1) out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", at_x(line.points[0].x), at_y(line.points[0].y), line.color);
        if (lines_.size() > 1)
            out += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"{}\" text-anchor=\"end\">{}</text>\n", width - right, top + 12 + 16 * static_cast<double>(place), line.color, line.name);
        return out;
    }

    std::vector<Line> lines_;
    Point low_{0, 0}, high_{0, 0};
    bool any_ = false;
};

template <class Row, class Get>
std::vector<Point> points_of(const std::vector<Row>& rows, Get get) {
    std::vector<Point> points;
    for (const Row& row : rows)
        if (std::isfinite(get(row))) points.push_back({static_cast<double>(row.step), get(row)});
    return points;
}

std::string section(const char* title, std::vector<Line> lines) { return fmt::format("<h2>{}</h2>\n{}", title, Plot(std::move(lines)).svg()); }

constexpr const char* page_head =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n<title>Training report</title>\n"
    "<style>body{font:15px system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em;color:#222}h2{font-size:1em;margin:1.6em 0 .3em}"
    "svg{width:100%}svg text{font-size:12px;fill:#555}polyline{fill:none;stroke-width:1.5}.grid{stroke:#ddd}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}svg text{fill:#aaa}.grid{stroke:#333}}</style>\n<h1>Training report</h1>\n";

}  // namespace

void write_report(const std::filesystem::path& folder) {
    std::vector<StepMetrics> metrics = read_metrics(folder / "metrics.jsonl");
    std::vector<StepTiming> timing = read_timing(folder / "timing.jsonl");
    std::string page = page_head;
    if (!metrics.empty()) page += fmt::format("<p>{} steps, training loss {:.4f}</p>\n", metrics.back().step, metrics.back().loss);
    page += section("Loss, nats a token", {{"training", "#4477aa", points_of(metrics, [](const StepMetrics& m) { return m.loss; })},
                                           {"validation", "#cc6633", points_of(metrics, [](const StepMetrics& m) { return m.validation_loss; })}});
    page += section("Validation, bits a byte", {{"", "#cc6633", points_of(metrics, [](const StepMetrics& m) { return m.bits_per_byte; })}});
    page += section("Learning rate", {{"", "#4477aa", points_of(metrics, [](const StepMetrics& m) { return m.learning_rate; })}});
    page += section("Gradient norm before clipping", {{"", "#4477aa", points_of(metrics, [](const StepMetrics& m) { return m.gradient_norm; })}});
    page += section("Speed, tokens a second", {{"", "#228833", points_of(timing, [](const StepTiming& t) { return t.tokens_per_second; })}});
    write_file(folder / "report.html", page + "</html>\n");
}

}  // namespace puna
