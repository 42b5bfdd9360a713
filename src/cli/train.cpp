#include "cli/command.h"
#include "cli/flags.h"
#include "core/error.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/threads.h"
#include "infer/engine.h"
#include "model/load.h"
#include "tokenizer/files.h"
#include "train/trainer.h"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>

namespace puna {

namespace {

struct RunOptions {
    bool resume = false, json = false;
    int threads = 0;
};
template <class F>
void fields(RunOptions& o, F field) {
    field("resume", o.resume, "go on from the newest checkpoint of the output folder");
    field("json", o.json, "print each step's metrics as JSON");
    field("threads", o.threads, "how many to use; 0: all processors");
}

// One line, drawn over where standard error is a terminal, else one every ten seconds and at validations.
class ProgressLine {
 public:
    ~ProgressLine() {
        if (terminal_ && drawn_) tell("\n");
    }

    void show(const TrainReport& r) {
        bool validated = std::isfinite(r.metrics.validation_loss), last = r.metrics.step == r.steps;
        Clock::time_point now = Clock::now();
        if (drawn_ && !validated && !last && now - drawn_at_ < (terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10))) return;
        drawn_ = true;
        drawn_at_ = now;
        std::string line = fmt::format("step {}/{}  loss {:.4f}  {:.0f} tokens/s  {:.0f} % of the peak (6N + 6LdS)  {} left", r.metrics.step, r.steps,
                                       r.metrics.loss, r.timing.tokens_per_second, r.timing.share * 100, human_time(r.seconds_left));
        if (validated) line += fmt::format("  validation {:.4f}, {:.4f} bits/byte", r.metrics.validation_loss, r.metrics.bits_per_byte);
        tell("{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ && !validated ? "" : "\n");
    }

 private:
    using Clock = std::chrono::steady_clock;
    bool terminal_ = ::isatty(STDERR_FILENO), drawn_ = false;
    Clock::time_point drawn_at_;
};

void show_sample(Llama& llama, const Tokenizer& tokenizer, const std::string& prompt, int64_t step) {
    Engine engine(shared_llama(llama), tokenizer, {.context = std::min<int64_t>(llama.config.context, 512)});
    Session session = engine.open();
    std::vector<int32_t> ids{tokenizer.begin_of_text()};
    for (int32_t id : tokenizer.encode(prompt)) ids.push_back(id);
    Answer answer = engine.generate(session, ids, {.sample = {.temperature = 0.8f, .seed = 1}, .max_tokens = 80});
    tell("\n-- sample at step {}: {}{}\n", step, prompt, answer.text);
}

}  // namespace

int run_train(Arguments arguments) {
    std::string path;
    Recipe recipe;
    RunOptions options;
    Flags flags("train", "Trains a model on packed text or conversations: a new one, or on from another.\n"
                         "The recipe is a TOML file; every field of it is also a flag, and the flag wins.",
                "puna train recipes/tiny.toml --data packed --output my-model --steps 500");
    flags.positional("RECIPE", path, "a TOML file of `name = value` lines", false);
    flags.add(list_fields(recipe));
    flags.add(list_fields(options));
    if (!flags.parse(arguments)) return 0;
    if (!path.empty()) {
        Recipe from_flags = recipe;
        recipe = read_recipe(path);
        std::vector<Field> list = list_fields(recipe), flag_list = list_fields(from_flags);
        for (size_t i = 0; i < list.size(); ++i)
            if (flags.given(list[i].name)) set_from_text(list[i], to_text(flag_list[i]));
    }
    Group group = Group::world();
    int sharing = std::max(1, threads() / group.size());           // processes of one machine share its processors
    set_threads(options.threads > 0 ? options.threads : group.size() > 1 ? sharing : 0);
    validate(recipe, group.size());
    Tokenizer tokenizer = load_tokenizer(ShardSet(recipe.data).folder());      // a folder that is no set says so
    ProgressLine line;
    TrainerHooks hooks{.resume = options.resume, .bos = tokenizer.begin_of_text(), .eos = tokenizer.stop_ids()};
    hooks.on_step = [&](const TrainReport& report) {
        line.show(report);
        if (options.json) fmt::print("{}\n", to_line(report.metrics));
    };
    hooks.sample = [&](Llama& llama, int64_t step) { show_sample(llama, tokenizer, recipe.prompt, step); };
    Trainer(recipe, group, std::move(hooks)).run();
    return 0;
}

}  // namespace puna
