#include "train/report.h"

#include "core/atomic_file.h"
#include "core/fields.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "kernels/kernels.h"
#include "train/card.h"
#include "train/manifest.h"
#include "train/metrics.h"
#include "train/recipe.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace puna {

namespace {

namespace fs = std::filesystem;

struct Point {
    double x, y;
};

struct Line {
    const char* name;
    const char* color;  // CSS class
    std::vector<Point> points;
};

struct PlotData {
    const char* title;
    std::vector<Line> lines;
    bool from_zero = true;
};

constexpr double width = 760, height = 250, left = 64, right = 20, top = 10, bottom = 40;
constexpr size_t max_segments = 1000, max_dots = 60;
constexpr double max_value = 1e30;  // larger values are not drawn

std::string escaped(std::string_view text) {
    std::string out;
    for (char c : text)
        out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : std::string(1, c);
    return out;
}

// Minimum and maximum of each of at most max_segments buckets, so that no spike is lost.
std::vector<Point> downsample_minmax(const std::vector<Point>& points) {
    if (points.size() <= 2 * max_segments) return points;
    auto lower = [](Point a, Point b) { return a.y < b.y; };
    std::vector<Point> out;
    for (size_t i = 0; i < max_segments; ++i) {
        auto at = [&](size_t bucket) {
            return points.begin() + static_cast<std::ptrdiff_t>(bucket * points.size() / max_segments);
        };
        auto [low, high] = std::minmax_element(at(i), at(i + 1), lower);
        out.push_back(*std::min(low, high));
        out.push_back(*std::max(low, high));
    }
    return out;
}

// Median of each of at most 200 buckets, to smooth timing noise.
std::vector<Point> downsample_median(std::vector<Point> points) {
    constexpr size_t buckets = 200;
    if (points.size() <= buckets) return points;
    auto lower = [](Point a, Point b) { return a.y < b.y; };
    std::vector<Point> out;
    for (size_t i = 0; i < buckets; ++i) {
        auto at = [&](size_t bucket) {
            return points.begin() + static_cast<std::ptrdiff_t>(bucket * points.size() / buckets);
        };
        double end = (at(i + 1) - 1)->x;
        auto middle = at(i) + (at(i + 1) - at(i)) / 2;
        std::nth_element(at(i), middle, at(i + 1), lower);
        out.push_back({end, middle->y});
    }
    return out;
}

// An axis from low to high with a tick at every multiple of its step: 0, 50k, 100k, 150k.
struct Axis {
    double low = 0, high = 1, step = 1;

    int ticks() const { return static_cast<int>(std::lround((high - low) / step)) + 1; }
    double tick(int i) const { return low + i * step; }
    double position(double value) const { return (value - low) / (high - low); }

    std::string text(int i) const {
        double magnitude = std::max(std::abs(low), std::abs(high)),
               unit = magnitude >= 1e9   ? 1e9
                      : magnitude >= 1e6 ? 1e6
                      : magnitude >= 1e4 ? 1e3
                                         : 1,
               value = tick(i);
        if (std::abs(value) < step / 2) return "0";
        if (magnitude >= 1e12 || step < 1e-6) return fmt::format("{:.3g}", value);
        int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step / unit) + 1e-9)));
        return fmt::format("{:.{}f}{}", value / unit, decimals,
                           unit == 1e9   ? "G"
                           : unit == 1e6 ? "M"
                           : unit == 1e3 ? "k"
                                         : "");
    }
};

// About five ticks at round numbers that cover low to high.
Axis round_axis(double low, double high, double min_step) {
    if (high <= low) high = low + std::max(min_step, std::abs(low) * 0.1);
    double raw = (high - low) / 5, power = std::pow(10, std::floor(std::log10(raw))), step = 10 * power;
    for (double round : {5.0, 2.0, 1.0})
        if (round * power >= raw) step = round * power;
    step = std::max(step, min_step);
    return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
}

class Plot {
 public:
    explicit Plot(const PlotData& data) : data_(data) {
        Point low{0, max_value}, high{1, -max_value};
        for (Line& line : data_.lines) {
            line.points = downsample_minmax(line.points);
            for (Point p : line.points) {
                low.y = std::min(low.y, p.y);
                high = {std::max(high.x, p.x), std::max(high.y, p.y)};
            }
        }
        if (low.y > high.y) return;
        any_ = true;
        x_ = round_axis(low.x, high.x, 1);
        x_.high = high.x;
        y_ = round_axis(data.from_zero ? std::min(0.0, low.y) : low.y, high.y, 1e-12);
    }

    std::string html() const {
        std::string legend;
        for (const Line& line : data_.lines)
            if (!line.points.empty() && data_.lines.size() > 1)
                legend += fmt::format("<span class=\"key {}\"><i></i>{}</span>", line.color, line.name);
        return fmt::format("<figure><figcaption>{}{}</figcaption>\n{}</figure>\n", data_.title, legend,
                           any_ ? svg() : "<p class=\"quiet\">no measurements yet</p>\n");
    }

 private:
    double at_x(double x) const { return left + x_.position(x) * (width - left - right); }
    double at_y(double y) const { return height - bottom - y_.position(y) * (height - top - bottom); }

    std::string svg() const {
        std::string out =
            fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", width, height, description());
        for (int i = 0; i < y_.ticks(); ++i)
            out += fmt::format(
                "<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/><text x=\"{}\" y=\"{:.1f}\" "
                "text-anchor=\"end\">{}</text>\n",
                left, width - right, at_y(y_.tick(i)), at_y(y_.tick(i)), left - 8, at_y(y_.tick(i)) + 4, y_.text(i));
        for (int i = 0; i < x_.ticks() && x_.tick(i) <= x_.high; ++i)
            out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", at_x(x_.tick(i)),
                               height - bottom + 17, x_.text(i));
        out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">step</text>\n", (left + width - right) / 2,
                           height - 6);
        for (const Line& line : data_.lines) out += polyline(line);
        return out + "</svg>\n";
    }

    // The aria-label: first and last value of each line.
    std::string description() const {
        auto format = [](double y) { return std::abs(y) >= 1e4 ? format_quantity(y, "") : fmt::format("{:.4g}", y); };
        std::string out = data_.title;
        for (const Line& line : data_.lines)
            if (!line.points.empty())
                out += fmt::format("; {}{} at step {}, {} at step {}",
                                   data_.lines.size() > 1 ? std::string(line.name) + " " : "",
                                   format(line.points.front().y), line.points.front().x, format(line.points.back().y),
                                   line.points.back().x);
        return out;
    }

    std::string polyline(const Line& line) const {
        std::string points, dots;
        for (Point p : line.points) {
            points += fmt::format("{:.1f},{:.1f} ", at_x(p.x), at_y(p.y));
            if (line.points.size() <= max_dots)
                dots += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\"/>", line.color, at_x(p.x),
                                    at_y(p.y));
        }
        return fmt::format("<polyline class=\"{}\" points=\"{}\"/>{}\n", line.color, points, dots);
    }

    PlotData data_;
    Axis x_, y_;
    bool any_ = false;
};

template <class Row, class Get>
std::vector<Point> points_of(const std::vector<Row>& rows, Get get) {
    std::vector<Point> points;
    for (const Row& row : rows)
        if (std::abs(get(row)) < max_value) points.push_back({static_cast<double>(row.step), get(row)});
    return points;
}

std::string plots(const std::vector<StepMetrics>& metrics, const std::vector<StepTiming>& timing) {
    auto training = points_of(metrics, [](const StepMetrics& m) { return m.loss; });
    auto validation = points_of(metrics, [](const StepMetrics& m) { return m.validation_loss; });
    auto bits = points_of(metrics, [](const StepMetrics& m) { return m.bits_per_byte; });
    auto rate = points_of(metrics, [](const StepMetrics& m) { return m.learning_rate; });
    auto norm = points_of(metrics, [](const StepMetrics& m) { return m.gradient_norm; });
    auto speed = downsample_median(points_of(timing, [](const StepTiming& t) { return t.tokens_per_second; }));
    std::string out;
    for (const PlotData& data :
         {PlotData{
              "Loss, nats per token", {{"training", "blue", training}, {"validation", "orange", validation}}, false},
          PlotData{"Validation, bits per byte", {{"", "orange", bits}}, false},
          PlotData{"Learning rate", {{"", "blue", rate}}},
          PlotData{"Gradient norm before clipping", {{"", "blue", norm}}},
          PlotData{"Speed, tokens per second", {{"", "green", speed}}}})
        out += Plot(data).html();
    return out;
}

// The recipe in the newest readable manifest. Does not verify tensors: a report is written with every checkpoint.
std::optional<Recipe> recipe_of(const fs::path& folder) {
    std::optional<Recipe> newest;
    int64_t step = -1;
    std::error_code problem;
    for (fs::directory_iterator entry(folder / "checkpoints", problem), end; !problem && entry != end;
         entry.increment(problem)) {
        try {
            MappedFile file(entry->path() / "manifest.json");
            RunState state = parse_manifest(file.text(), file.path().string()).state;
            if (state.step <= step) continue;
            Recipe recipe;
            std::vector<Field> list = list_fields(recipe);
            from_json(list, state.recipe, file.path().string());
            newest = recipe;
            step = state.step;
        } catch (const Error&) {  // unfinished, or of another version
        }
    }
    return newest;
}

std::string fact(const char* name, const std::string& value, const std::string& more = "") {
    return fmt::format("<div><dt>{}</dt><dd>{}</dd>{}</div>\n", name, value,
                       more.empty() ? "" : "<dd class=\"quiet\">" + more + "</dd>");
}

std::string facts(const RunSummary& run, const std::optional<Recipe>& recipe) {
    auto number = [](double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "–"; };
    std::string out = "<dl class=\"facts\">\n";
    out += fact("steps", fmt::format("{}", run.steps), recipe ? fmt::format("of {}", recipe->steps) : "");
    out += fact("training loss", number(run.loss), "nats per token, last step");
    out +=
        fact("validation", number(run.bits_per_byte),
             std::isfinite(run.best_bits_per_byte) ? fmt::format("bits per byte; best {:.4f}", run.best_bits_per_byte)
                                                   : "bits per byte");
    out += fact("tokens trained", format_quantity(static_cast<double>(run.trained), ""));
    out += fact("time in steps", format_duration(run.seconds));
    out += fact("speed", std::isfinite(run.tokens_per_second) ? format_quantity(run.tokens_per_second, "") : "–",
                std::isfinite(run.share) ? fmt::format("tokens per second, {:.1f} % of the peak of {}; medians",
                                                       run.share * 100, full_name(choose_kernels()))
                                         : "tokens per second, median");
    return out + "</dl>\n";
}

// A resumed run may still have the model of its earlier end.
std::string status(const fs::path& folder, const RunSummary& run, const std::optional<Recipe>& recipe) {
    std::error_code ignored;
    bool all_steps = recipe && run.steps >= recipe->steps;
    bool finished = fs::exists(folder / "model.safetensors", ignored) && (all_steps || !recipe);
    return fmt::format("<span class=\"status {}\">{}</span>", finished ? "green" : "orange",
                       finished    ? "finished"
                       : all_steps ? "all steps done, model not written"
                                   : "not finished");
}

std::string recipe_table(Recipe recipe) {
    for (std::string* path : {&recipe.data, &recipe.validation, &recipe.output, &recipe.from})
        if (!path->empty()) *path = public_name(*path);
    recipe.warm_up = warm_up_steps(recipe);
    std::string out = "<h2>Recipe</h2>\n<dl class=\"recipe\">\n";
    for (const Field& field : list_fields(recipe)) {
        constexpr std::string_view shape[] = {"dim", "layers", "heads", "kv_heads", "ffn", "context", "tied"};
        bool of_base =
            !recipe.from.empty() && std::find(std::begin(shape), std::end(shape), field.name) != std::end(shape);
        std::string value = of_base ? "as in from" : to_text(field);
        out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", field.name, value.empty() ? "–" : escaped(value));
    }
    return out + "</dl>\n";
}

constexpr const char* page_style = R"(<style>
:root{--back:#fbfbfa;--card:#fff;--edge:#e4e4e0;--text:#1f2328;--quiet:#62676d;--grid:#ececea;--blue:#2a6fdb;--orange:#d9580d;--green:#1f883d}
@media(prefers-color-scheme:dark){:root{--back:#141517;--card:#1c1e21;--edge:#303338;--text:#e4e6e8;--quiet:#9aa0a6;--grid:#2b2e32;--blue:#6ea8ff;--orange:#ff9a4d;--green:#57c274}}
*{box-sizing:border-box}
body{font:15px/1.45 system-ui,sans-serif;max-width:840px;margin:0 auto;padding:2em 1.2em 3em;color:var(--text);background:var(--back)}
h1{font-size:1.5em;margin:0 .6em 0 0;overflow-wrap:anywhere}
h2{font-size:1em;margin:1.6em 0 .6em}
header{display:flex;flex-wrap:wrap;align-items:center;gap:.3em 0}
dl,dd,figure{margin:0}
.quiet{color:var(--quiet);font-size:.85em}
.blue{--line:var(--blue)}.orange{--line:var(--orange)}.green{--line:var(--green)}
.status{color:var(--line);border:1px solid;border-radius:1em;padding:0 .7em;font-size:.85em}
.facts{display:grid;grid-template-columns:repeat(3,1fr);gap:1px;margin:1.2em 0;background:var(--edge);border:1px solid var(--edge);border-radius:8px;overflow:hidden}
.facts div{background:var(--card);padding:.7em 1em}
dt{color:var(--quiet);font-size:.85em}
.facts dd:nth-of-type(1){font-size:1.45em;font-variant-numeric:tabular-nums;line-height:1.3}
figure{background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:.8em 1em .4em;margin:0 0 1em}
figcaption{display:flex;flex-wrap:wrap;gap:0 1.2em;font-weight:600;margin-bottom:.5em}
.key{font-weight:400;font-size:.9em}.key i{display:inline-block;width:1.4em;height:3px;border-radius:2px;margin-right:.4em;vertical-align:.25em;background:var(--line)}
svg{display:block;width:100%;overflow:visible}
svg text{font-size:12px;fill:var(--quiet);font-variant-numeric:tabular-nums}
svg line{stroke:var(--grid)}
polyline{fill:none;stroke:var(--line);stroke-width:1.5;stroke-linejoin:round}
circle{fill:var(--line)}
.recipe{columns:3 220px;column-gap:2.2em;font-size:.9em}
.recipe div{display:flex;justify-content:space-between;gap:1em;border-bottom:1px solid var(--edge);padding:.15em 0;break-inside:avoid}
.recipe dt{font-size:1em}
.recipe dd{font-variant-numeric:tabular-nums;text-align:right;overflow-wrap:anywhere}
@media(max-width:560px){.facts{grid-template-columns:1fr 1fr}svg text{font-size:17px}polyline{stroke-width:2.5}}
</style>
)";

}  // namespace

void write_report(const fs::path& folder) {
    std::vector<StepMetrics> metrics = read_metrics(folder / "metrics.jsonl");
    std::vector<StepTiming> timing = read_timing(folder / "timing.jsonl");
    RunSummary run = summarize(metrics, timing);
    std::optional<Recipe> recipe = recipe_of(folder);
    std::string name = escaped(public_name(folder));
    std::string page =
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
        "content=\"width=device-width\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n";
    page += fmt::format("<title>{}: training report</title>\n{}<header><h1>{}</h1>{}</header>\n", name, page_style,
                        name, status(folder, run, recipe));
    page += fmt::format("<div class=\"quiet\">training report, written {:%Y-%m-%d %H:%M} UTC</div>\n",
                        fmt::gmtime(std::time(nullptr)));
    page += facts(run, recipe) + plots(metrics, timing);
    if (recipe) page += recipe_table(*recipe);
    write_file(folder / "report.html", page + "</html>\n");
}

}  // namespace puna
