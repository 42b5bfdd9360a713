#include "cli/train_progress.h"

#include "cli/terminal.h"
#include "core/console.h"
#include "core/progress.h"
#include "core/shell.h"
#include "model/checkpoint_folders.h"
#include "model/weights.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace puna {

namespace fs = std::filesystem;

namespace {

std::string row(std::string_view name, const std::string& text) { return fmt::format("{:<12}{}\n", name, text); }

std::string describe(const SetFacts& set) {
    std::string text = fmt::format("{}: {}, {}", set.name,
                                   format_count(set.documents, set.conversations ? "conversation" : "document"),
                                   format_count(set.tokens, "token"));
    return set.conversations ? text + fmt::format(", {} in the loss", format_count(set.trained, "token")) : text;
}

std::string describe_model(const TrainStart& start) {
    const Config& c = start.config;
    return fmt::format("{} parameters: {}, hidden size {}, vocabulary {}, context {}; {}",
                       format_quantity(static_cast<double>(start.facts.parameters), ""),
                       format_count(c.layers, "layer"), c.dim, c.vocabulary, c.context,
                       start.recipe.from.empty() ? "from scratch" : "fine-tuned from " + start.recipe.from);
}

std::string describe_steps(const TrainStart& start) {
    const Recipe& recipe = start.recipe;
    double rows = static_cast<double>(recipe.steps * recipe.batch);
    std::string text = fmt::format(
        "{} of {} ({} x {}): {:.3g} epochs; learning rate {:.3g}", format_count(recipe.steps, "step"),
        format_count(recipe.batch * recipe.length, "token"), format_count(recipe.batch, "row"), recipe.length,
        rows / static_cast<double>(std::max<int64_t>(start.facts.rows_per_epoch, 1)), recipe.learning_rate);
    return start.step > 0 ? text + fmt::format("; resumed after step {}", start.step) : text;
}

std::string describe_validation(const TrainStart& start) {
    if (!start.facts.validation) return "none";
    std::string text = describe(*start.facts.validation);
    if (start.validation_rows == start.all_validation_rows) return text;
    return text +
           fmt::format("; its first {} of {}", start.validation_rows, format_count(start.all_validation_rows, "row"));
}

std::string describe_machine(const TrainStart& start) {
    const RunFacts& facts = start.facts;
    std::string processes = facts.processes > 1 ? fmt::format("{} processes of ", facts.processes) : std::string();
    auto tokens = static_cast<double>((start.recipe.steps - start.step) * start.recipe.batch * start.recipe.length);
    double seconds = tokens * training_operations(start.config, start.recipe.length) / start.peak / 1e9 /
                     static_cast<double>(facts.processes);
    std::string least = seconds < 1 ? std::string() : fmt::format("at least {} at the ", format_duration(seconds));
    return fmt::format("{}{}, kernels {}; {}peak of {}", processes, format_count(facts.threads, "thread"),
                       facts.kernels, least, format_quantity(start.peak * 1e9, "FLOP/s"));
}

std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-"; }

// "0:05", "12:34:56"
std::string clock(double seconds) {
    int64_t s = static_cast<int64_t>(std::clamp(seconds, 0.0, 1e9) + 0.5);
    if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
    return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

// "; validation 5.1460, 2.4050 bits/byte"; empty if it was not measured.
std::string validation_text(std::string_view separator, double loss, double bits_per_byte) {
    if (!std::isfinite(loss)) return "";
    std::string text = fmt::format("{}validation {:.4f}", separator, loss);
    return std::isfinite(bits_per_byte) ? text + fmt::format(", {:.4f} bits/byte", bits_per_byte) : text;
}

}  // namespace

TrainProgress::TrainProgress() : terminal_(supports_escapes(STDERR_FILENO)) {}
TrainProgress::~TrainProgress() { end_line(); }

void TrainProgress::end_line() {
    if (terminal_ && drawn_) print_status("\n");
    drawn_ = false;
}

void TrainProgress::start(const TrainStart& start) {
    const RunFacts& facts = start.facts;
    output_ = start.recipe.output;
    conversations_ = facts.data.conversations;
    processes_ = static_cast<int>(facts.processes);
    std::string text = row("model", describe_model(start)) + row("data", describe(facts.data));
    text += row("validation", describe_validation(start));
    text += row("training", describe_steps(start)) + row("machine", describe_machine(start));
    text += row("memory", describe(start.memory));
    text += row("output", output_ + " (Ctrl-C stops after the current step, with a checkpoint)");
    print_status("{}", text);
}

void TrainProgress::add(const TrainReport& r) {
    seconds_ += r.timing.seconds;
    tokens_ += r.timing.seconds * r.timing.tokens_per_second;
}

std::string TrainProgress::line(const TrainReport& r) const {
    return fmt::format("step {}/{}  loss {}  {} elapsed, {} left  {:.0f} tokens/s  lr {:.1e}", r.metrics.step, r.steps,
                       number(r.smoothed_loss), clock(r.seconds_elapsed), clock(r.seconds_left), tokens_ / seconds_,
                       r.metrics.learning_rate);
}

void TrainProgress::show(const TrainReport& r) {
    bool validated = std::isfinite(r.metrics.validation_loss), last = r.metrics.step == r.steps;
    Clock::time_point now = Clock::now();
    add(r);
    bool due = now - drawn_at_ >= (terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10));
    if (drawn_ && !due && !validated && !last && !r.metrics.sample) return;
    std::string text = line(r), scores = validation_text("  ", r.metrics.validation_loss, r.metrics.bits_per_byte);
    if (terminal_)
        draw_status_line(text);
    else
        print_status("{}{}\n", text, scores);
    drawn_ = true;
    drawn_at_ = now;
    seconds_ = tokens_ = 0;
    if (terminal_ && validated) print_status("\nstep {}{}\n", r.metrics.step, scores);
    if (!r.metrics.sample) return;
    const TextSample& sample = *r.metrics.sample;
    std::string shown = conversations_ ? fmt::format("\n  user: {}\n  assistant: {}", sample.prompt, sample.text)
                                       : " " + sample.prompt + sample.text;
    print_status("{}sample at step {}:{}\n", terminal_ && !validated ? "\n" : "", r.metrics.step,
                 ::isatty(STDERR_FILENO) ? without_controls(shown) : shown);
}

void TrainProgress::finish(const TrainResult& result) {
    end_line();
    std::string folder = shell_word(output_), try_it = conversations_
                                                           ? fmt::format("puna chat {}", folder)
                                                           : fmt::format("puna generate {} \"Once\"", folder);
    if (result.stopped) {
        print_status("stopped after step {} of {}; saved in {}/checkpoints/{}\n", result.step, result.steps, output_,
                     checkpoint_name(result.step));
        print_status(
            "{}", row("resume", fmt::format("{}puna train --resume {}",
                                            processes_ > 1 ? fmt::format("mpirun -n {} ", processes_) : "", folder)));
        return;
    }
    const RunSummary& run = result.summary;
    std::error_code ignored;
    print_status("trained {} in {}: loss {}{}\n", format_count(run.steps, "step"), format_duration(run.seconds),
                 number(run.loss.mean()), validation_text("; ", run.validation_loss, run.bits_per_byte));
    fs::path best = fs::path(output_) / "checkpoints" / checkpoint_name(run.best_step);
    if (run.best_step > 0 && run.best_step < run.steps && fs::exists(best, ignored))
        print_status("{}",
                     row("best", fmt::format("{}: {}", best.string(),
                                             validation_text("", run.best_validation_loss, run.best_bits_per_byte))));
    print_status("{}{}{}", row("model", output_), row("report", output_ + "/report.html"), row("next", try_it));
}

}  // namespace puna
