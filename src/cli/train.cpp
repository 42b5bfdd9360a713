#include "chat/encode.h"
#include "chat/template_files.h"
#include "chat/turn_end.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_argument.h"
#include "cli/stop_signals.h"
#include "cli/terminal.h"
#include "cli/train_progress.h"
#include "cli/version.h"
#include "core/error.h"
#include "core/log.h"
#include "core/threads.h"
#include "infer/engine.h"
#include "model/checkpoint_folders.h"
#include "model/load.h"
#include "tokenizer/files.h"
#include "train/recipe_notes.h"
#include "train/trainer.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

namespace puna {

namespace {

struct RunOptions {
    std::string resume;
    bool force = false;
};
template <class F>
void fields(RunOptions& o, F field) {
    field.group("Output and checkpoints");
    field("resume", o.resume,
          "continue the run in this folder from its newest checkpoint, with its own recipe; other flags change it",
          {.word = "FOLDER"});
    field("force", o.force, "replace an earlier run in the output folder");
}

// Generates the samples of a run.
class SampleMaker {
 public:
    SampleMaker(const Recipe& recipe, const Tokenizer& tokenizer, const SetIndex& data)
        : tokenizer_(tokenizer), prompt_(recipe.prompt) {
        if (data.conversations) {
            if (prompt_.empty()) prompt_ = "Who are you?";
            ChatTemplate chat(find_chat_template(recipe.data, tokenizer));
            std::vector<Message> messages = {{.role = "user", .content = prompt_}};
            ids_ = encode_chat(chat, tokenizer, messages, {.add_generation_prompt = true}).ids;
            return;
        }
        // Of long documents few rows show the beginning, so that the model hardly knows it: a line begins instead.
        bool from_line = prompt_.empty() && data.tokens / std::max<int64_t>(data.documents, 1) > recipe.length;
        ids_ = tokenizer.encode(from_line ? "\n" : prompt_);
        std::optional<int32_t> begin = tokenizer.begin_of_text();
        if (begin && !from_line) ids_.insert(ids_.begin(), *begin);
        if (ids_.empty()) ids_.push_back(tokenizer.end_of_text());
    }

    // Up to 80 tokens, fewer if the context is full. What fails here does not end training.
    std::optional<TextSample> sample(Llama& llama) {
        try {
            int64_t wanted = static_cast<int64_t>(ids_.size()) + 80;
            Engine engine(shared_llama(llama), tokenizer_, {.context = std::min(llama.config.context, wanted)});
            Request request{
                .tokens = ids_, .options = {.sample = {.temperature = 0.8f, .seed = 1}}, .stop_ids = llama.config.eos};
            return TextSample{prompt_, engine.generate(std::move(request)).text};
        } catch (const Error& problem) {
            log_warning("no sample: {}", problem.what());
            return {};
        }
    }

 private:
    const Tokenizer& tokenizer_;
    std::vector<int32_t> ids_;
    std::string prompt_;
};

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

void validate_file(const Recipe& recipe, const std::string& path, const Flags& flags, int processes) {
    try {
        validate(recipe, processes);
    } catch (const Error& problem) {
        if (flags.given(problem.field)) throw;
        rethrow_with(path, problem);
    }
}

// Fine-tuning keeps the base model's tokenizer and shape.
void check_base(const Recipe& recipe, const Tokenizer& tokenizer, const Flags& flags) {
    if (recipe.from.empty()) return;
    for (const char* shape : {"dim", "layers", "heads", "kv_heads", "ffn", "context", "tied"})
        if (flags.given(shape)) fail_field(shape, "cannot be combined with --from: the shape comes from that model");
    load_config(recipe.from);  // names what is wrong with the folder
    Tokenizer own = load_tokenizer(find_model(recipe.from));
    for (int32_t id = 0; id < std::max(own.size(), tokenizer.size()); ++id)
        if (own.kind(id) != tokenizer.kind(id) || own.vocabulary().bytes(id) != tokenizer.vocabulary().bytes(id))
            fail(
                "{}: its tokenizer differs from that of {}, first at token {}; pack the data with the model's "
                "tokenizer",
                recipe.from, recipe.data, id);
}

// The tokens that end what the model will generate: what ends its texts, and what ended those of the model that it
// continues; of conversations what ends an answer.
std::vector<int32_t> stop_ids_of(const Recipe& recipe, const SetIndex& data, const Tokenizer& tokenizer) {
    if (!data.conversations) {
        std::vector<int32_t> ids = recipe.from.empty() ? std::vector<int32_t>() : load_config(recipe.from).eos;
        if (std::find(ids.begin(), ids.end(), tokenizer.end_of_text()) == ids.end())
            ids.push_back(tokenizer.end_of_text());
        return ids;
    }
    std::vector<int32_t> ids = tokenizer.stop_ids();
    for (int32_t id : template_stop_ids(find_chat_template(recipe.data, tokenizer), tokenizer))
        if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    return ids;
}

// The run's own recipe, or the defaults; over them the file, over that the flags.
Recipe merge(const Recipe& from_flags, const RunOptions& options, const std::string& path, const Flags& flags,
             std::vector<std::string>& in_recipe) {
    Recipe recipe, flagged = from_flags;
    if (!options.resume.empty()) recipe = read_run_recipe(options.resume);
    if (!path.empty()) in_recipe = read_recipe(recipe, path);
    auto in_file = [&](std::string_view field) {
        return std::find(in_recipe.begin(), in_recipe.end(), field) != in_recipe.end();
    };
    if (in_file("epochs") && in_file("steps")) fail("{}: has both epochs and steps: remove one of them", path);
    if (flags.given("epochs") && flags.given("steps")) fail_field("epochs", "cannot be combined with --steps");
    std::vector<Field> list = list_fields(recipe), flag_list = list_fields(flagged);
    for (size_t i = 0; i < list.size(); ++i)
        if (flags.given(list[i].name)) copy_value(list[i], flag_list[i]);
    if (flags.given("steps")) recipe.epochs = 0;
    if (!options.resume.empty()) recipe.output = options.resume;
    return recipe;
}

void check_run_options(const RunOptions& options, const Flags& flags) {
    if (options.resume.empty()) return;
    if (flags.given("output")) fail_field("output", "cannot be combined with --resume, which names the run's folder");
    if (options.force) fail_field("force", "cannot be combined with --resume: it would remove what is to be resumed");
}

TrainResult train(const Recipe& recipe, const Group& group, TrainerHooks hooks) {
    try {
        return Trainer(choose_kernels(), recipe, group, std::move(hooks)).run();
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::out_of_memory) throw;
        fail(problem.kind, "{}: use a smaller --micro-batch or --length, or --recompute", problem.what());
    }
}

}  // namespace

int run_train(Arguments arguments) {
    std::string path;
    Recipe recipe;
    RunOptions options;
    ModelArgumentOptions pulling;
    Flags flags(
        "train",
        "Train a model on packed text or conversations, from scratch or starting from another model. The recipe is a "
        "TOML file; each of its fields is also a flag, which overrides it. Ctrl-C or SIGTERM finishes the current "
        "step and writes a checkpoint; a second one ends at once.",
        "puna train recipes/tiny.toml --data my-data --output my-model\n"
        "puna train --resume my-model\n"
        "puna train --from models/starter --data my-talk --output my-assistant --epochs 10 --length 256 "
        "--learning-rate 5e-4");
    flags.positional("RECIPE", path, "TOML file of `name = value` lines, as recipes/tiny.toml [defaults below]", false);
    flags.add(list_fields(recipe));
    flags.add(list_fields(options));
    flags.add(list_fields(pulling));
    flags.add_json("print each step's metrics as JSON");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    check_run_options(options, flags);
    std::vector<std::string> in_recipe;  // fields that the recipe sets
    recipe = merge(recipe, options, path, flags, in_recipe);
    Group group = Group::world();
    if (flags.threads() == 0 && group.size() > 1)
        set_threads(std::max(1, threads() / group.size()));  // the processes share one machine
    flags.check_required();
    path.empty() ? validate(recipe, group.size()) : validate_file(recipe, path, flags, group.size());
    ShardSet data(recipe.data);  // throws if the folder is not a packed set
    Tokenizer tokenizer = load_tokenizer(data.folder());
    bool has_checkpoint =
        !options.resume.empty() && !complete_checkpoints(std::filesystem::path(options.resume) / "checkpoints").empty();
    if (!has_checkpoint && !recipe.from.empty()) recipe.from = model_path(recipe.from, pulling).string();
    if (!has_checkpoint) check_base(recipe, tokenizer, flags);
    recipe = resolve(recipe);
    if (group.rank() == 0)
        flags.print(notes_on(recipe,
                             [&](std::string_view field) {
                                 return flags.given(field) ||
                                        std::find(in_recipe.begin(), in_recipe.end(), field) != in_recipe.end();
                             }),
                    in_recipe);
    SampleMaker sampler(recipe, tokenizer, data.index());
    TrainProgress progress;
    TrainerHooks hooks{.resume = !options.resume.empty(),
                       .force = options.force,
                       .bos = tokenizer.roles().bos.value_or(-1),
                       .pad = tokenizer.roles().pad.value_or(-1),
                       .command = {"train"},
                       .version = version_name()};
    if (!has_checkpoint) hooks.eos = stop_ids_of(recipe, data.index(), tokenizer);
    hooks.command.insert(hooks.command.end(), arguments.begin(), arguments.end());
    hooks.on_start = [&](const TrainStart& start) { progress.start(start); };
    hooks.on_step = [&](const TrainReport& report) {
        progress.show(report);
        if (flags.json()) print_line(to_line(report.metrics));
    };
    hooks.sample = [&](Llama& llama, int64_t) { return sampler.sample(llama); };
    hooks.stop = [] { return stop_signal() != 0; };
    catch_stop_signals(
        group.rank() == 0 ? "\nfinishing this step, then writing a checkpoint; Ctrl-C again ends at once\n" : "");
    TrainResult result = train(recipe, group, std::move(hooks));
    if (group.rank() == 0) progress.finish(result);
    return result.stopped ? stop_code() : 0;
}

}  // namespace puna
