#include "chat/template_files.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/terminal.h"
#include "core/console.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/progress.h"
#include "core/threads.h"
#include "infer/engine.h"
#include "model/load.h"
#include "tokenizer/files.h"
#include "train/recipe_notes.h"
#include "train/trainer.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

namespace puna {

namespace {

struct RunOptions {
    bool resume = false;
};
template <class F>
void fields(RunOptions& o, F field) {
    field.group("Output and checkpoints");
    field("resume", o.resume, "continue from the newest checkpoint in the output folder");
}

// A status line: redrawn in place on a terminal, else printed every ten seconds and at validations. Its speed is
// averaged over the steps since the last one.
class ProgressLine {
 public:
    explicit ProgressLine(std::string_view type) : type_(type) {}
    ~ProgressLine() {
        if (terminal_ && drawn_) print_status("\n");
    }

    void show(const TrainReport& r) {
        bool validated = std::isfinite(r.metrics.validation_loss), last = r.metrics.step == r.steps;
        Clock::time_point now = Clock::now();
        seconds_ += r.timing.seconds;
        tokens_ += r.timing.seconds * r.timing.tokens_per_second;
        operations_ += r.timing.seconds * r.timing.share;
        if (drawn_ && !validated && !last &&
            now - drawn_at_ < (terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10)))
            return;
        if (!drawn_)
            print_status(
                "utilization is (6 x parameters + 6 x layers x dim x length) x tokens/s, relative to this machine's "
                "measured peak ({:.0f} GFLOP/s, {}, {})\n",
                r.peak, type_, full_name(choose_kernels()));
        drawn_ = true;
        drawn_at_ = now;
        std::string line = fmt::format("step {}/{}  loss {}  {:.0f} tokens/s  {:.0f} % utilization  {} left",
                                       r.metrics.step, r.steps, measured(r.metrics.loss), tokens_ / seconds_,
                                       operations_ / seconds_ * 100, format_duration(r.seconds_left));
        seconds_ = tokens_ = operations_ = 0;
        if (terminal_)
            draw_status_line(line);
        else
            print_status("{}", line);
        if (validated)
            print_status("{}validation {:.4f}, {} bits/byte", terminal_ ? "\n" : "  ", r.metrics.validation_loss,
                         measured(r.metrics.bits_per_byte));
        if (!terminal_ || validated) print_status("\n");
    }

 private:
    using Clock = std::chrono::steady_clock;
    static std::string measured(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-"; }

    std::string_view type_;  // of the matrix products
    bool terminal_ = supports_escapes(STDERR_FILENO), drawn_ = false;
    Clock::time_point drawn_at_;
    double seconds_ = 0, tokens_ = 0, operations_ = 0;  // since the last line; operations: utilization times seconds
};

// The prompt and up to 80 generated tokens, fewer if the context is full. Errors here do not end training.
std::string sample_of(Llama& llama, const Tokenizer& tokenizer, const std::string& prompt) {
    try {
        std::vector<int32_t> ids = tokenizer.encode(prompt);
        if (std::optional<int32_t> begin = tokenizer.begin_of_text()) ids.insert(ids.begin(), *begin);
        Engine engine(shared_llama(llama), tokenizer,
                      {.context = std::min(llama.config.context, static_cast<int64_t>(ids.size()) + 80)});
        return prompt + engine.generate(ids, {.sample = {.temperature = 0.8f, .seed = 1}}).text;
    } catch (const Error& problem) {
        return fmt::format("no sample: {}", problem.what());
    }
}

// JSON lines on standard output. Training continues after the reader has closed the pipe.
void print_line(const std::string& json) {
    static bool stdout_open = true;
    if (!stdout_open) return;
    try {
        print_now(json + "\n");
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::closed) throw;
        stdout_open = false;
        std::clearerr(stdout);
    }
}

void validate_file(const Recipe& recipe, const std::string& path, int processes) {
    try {
        validate(recipe, processes);
    } catch (const Error& problem) {
        rethrow_with(path, problem);
    }
}

// Fine-tuning keeps the base model's tokenizer and shape.
void check_base(const Recipe& recipe, const Tokenizer& tokenizer, const Flags& flags) {
    if (recipe.from.empty()) return;
    for (const char* shape : {"dim", "layers", "heads", "kv_heads", "ffn", "context", "tied"})
        if (flags.given(shape)) fail_field(shape, "cannot be combined with --from: the shape comes from that model");
    load_config(recipe.from);  // names what is wrong with the folder
    Tokenizer own = load_tokenizer(recipe.from);
    for (int32_t id = 0; id < std::max(own.size(), tokenizer.size()); ++id)
        if (own.kind(id) != tokenizer.kind(id) || own.vocabulary().bytes(id) != tokenizer.vocabulary().bytes(id))
            fail(
                "{}: its tokenizer differs from that of {}, first at token {}; pack the data with the model's "
                "tokenizer",
                recipe.from, recipe.data, id);
}

// The tokens that end an answer, including the chat template's eos_token.
std::vector<int32_t> stop_ids_of(const std::string& data, const Tokenizer& tokenizer) {
    std::vector<int32_t> ids = tokenizer.stop_ids();
    for (const auto& [name, token] : find_chat_template(data, tokenizer).tokens) {
        std::optional<int32_t> id = name == "eos_token" ? tokenizer.find_control(token) : std::nullopt;
        if (id && std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
    }
    return ids;
}

}  // namespace

int run_train(Arguments arguments) {
    std::string path;
    Recipe recipe;
    RunOptions options;
    Flags flags(
        "train",
        "Train a model on packed text or conversations, from scratch or starting from another model. The recipe "
        "is a TOML file; each of its fields is also a flag, which overrides it.",
        "puna train recipes/tiny.toml --data my-data --output my-model\n"
        "puna train recipes/tiny.toml --data my-data --output my-model --resume\n"
        "puna train --from models/starter --data my-talk --output my-assistant --steps 15 --length 256 "
        "--learning-rate 5e-4");
    flags.positional("RECIPE", path, "TOML file of `name = value` lines, as recipes/tiny.toml [defaults below]", false);
    flags.add(list_fields(recipe));
    flags.add(list_fields(options));
    flags.add_json("print each step's metrics as JSON");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    std::vector<std::string> in_recipe;  // fields that the recipe sets
    if (!path.empty()) {
        Recipe from_flags = std::exchange(recipe, Recipe{});
        in_recipe = read_recipe(recipe, path);
        std::vector<Field> list = list_fields(recipe), flag_list = list_fields(from_flags);
        for (size_t i = 0; i < list.size(); ++i)
            if (flags.given(list[i].name)) copy_value(list[i], flag_list[i]);
    }
    Group group = Group::world();
    if (flags.threads() == 0 && group.size() > 1)
        set_threads(std::max(1, threads() / group.size()));  // the processes share one machine
    flags.check_required();
    path.empty() ? validate(recipe, group.size()) : validate_file(recipe, path, group.size());
    Tokenizer tokenizer = load_tokenizer(ShardSet(recipe.data).folder());  // throws if the folder is not a packed set
    check_base(recipe, tokenizer, flags);
    if (group.rank() == 0)
        flags.print(notes_on(recipe, [&](std::string_view field) {
            return flags.given(field) || std::find(in_recipe.begin(), in_recipe.end(), field) != in_recipe.end();
        }));
    ProgressLine line(enum_name(recipe.type));
    TrainerHooks hooks{.resume = options.resume,
                       .bos = tokenizer.roles().bos.value_or(-1),
                       .eos = stop_ids_of(recipe.data, tokenizer)};
    hooks.on_step = [&](const TrainReport& report) {
        line.show(report);
        if (flags.json()) print_line(to_line(report.metrics));
    };
    hooks.sample = [&](Llama& llama, int64_t step) {
        std::string sample = sample_of(llama, tokenizer, recipe.prompt);
        print_status("\n-- sample at step {}: {}\n", step, ::isatty(STDERR_FILENO) ? without_controls(sample) : sample);
        if (flags.json()) print_line(JsonObject{{"sample", sample}, {"step", step}}.text());
    };
    try {
        Trainer(choose_kernels(), recipe, group, std::move(hooks)).run();
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::out_of_memory) throw;
        fail(problem.kind, "{}: use a smaller --micro-batch or --length, or --recompute", problem.what());
    }
    return 0;
}

}  // namespace puna
