#include "cli/answer.h"
#include "cli/chat_context.h"
#include "cli/command.h"
#include "cli/model_argument.h"
#include "cli/terminal.h"
#include "core/checked.h"
#include "core/console.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "data/text_kind.h"
#include "infer/sampler.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace puna {

namespace {

constexpr int64_t max_batch = 16;  // answers generated at once, each with a KV cache; others wait

struct PrintOptions {
    int64_t count = 1;
    bool echo = true, quiet = false;
};
template <class F>
void fields(PrintOptions& o, F field) {
    field.group("Output");
    field("count", o.count,
          "number of continuations, generated together; each has the seed after that of the one before",
          {.min = 1, .max = 1000});
    field("echo", o.echo, "print the prompt before its continuation");
    field("quiet", o.quiet, "do not print the speed at the end");
}

// Without the newline that ends the last line: the text continues there.
std::string read_prompt() {
    std::string text(plain_text(read_text("-"), "standard input"));
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
}

// Generated texts, each after what it continues.
class Output {
 public:
    Output(std::string_view prompt, int64_t count, int64_t seed) : prompt_(shown(prompt)), count_(count), seed_(seed) {}

    void begin() {
        if (count_ > 1)
            print_now(dimmed(fmt::format("--- {} of {}, seed {} ---", number_ + 1, count_, seed_ + number_)) + "\n");
        ++number_;
        if (!prompt_.empty()) print_now(dimmed(prompt_));
    }
    void print(std::string_view text) const { print_now(shown(text)); }

 private:
    std::string shown(std::string_view text) const { return terminal_ ? without_controls(text) : std::string(text); }

    bool terminal_ = prints_to_terminal();
    std::string prompt_;
    int64_t number_ = 0, count_, seed_;
};

// A token has a byte at least, and one more may begin the prompt. 0: as many as the context takes.
int64_t max_sequence_tokens(std::string_view prompt, int64_t max_tokens) {
    return max_tokens == 0 ? 0 : checked_add(std::ssize(prompt) + 1, max_tokens).value_or(0);
}

// Of the first answer; those of the others follow it.
int64_t first_seed(const SampleOptions& sample, int64_t count) {
    int64_t seed = sample.seed.value_or(Sampler(sample).seed());
    if (seed > std::numeric_limits<int64_t>::max() - (count - 1))
        fail_value("seed", "{} leaves no room for {} seeds; use a smaller one", seed, count);
    return seed;
}

// They run as one batch: each answer is what it would be alone.
std::vector<Reply> submit(Engine& engine, const std::vector<int32_t>& prompt, const GenerateOptions& options,
                          int64_t count) {
    std::vector<Reply> replies;
    try {
        for (int64_t i = 0; i < count; ++i) {
            Request request{.tokens = prompt, .options = options};
            *request.options.sample.seed += i;
            replies.push_back(engine.submit(std::move(request)));
        }
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::too_large) throw;
        std::string larger = larger_context_flag(engine.context(), max_context(engine.config()));
        fail(problem.kind, "{}; shorten the prompt or use a smaller --max-tokens{}{}", problem.what(),
             larger.empty() ? "" : " or ", larger);
    }
    return replies;
}

void print_stop(const Answer& answer, int64_t context) {
    if (answer.finish == Finish::context)
        print_status("[stopped: the context is full: {} prompt tokens and {} generated, it holds {}]\n",
                     answer.prompt_tokens, answer.ids.size(), context);
}

// In their order, each while it is generated.
std::vector<Answer> print_answers(std::vector<Reply>& replies, Output output, int64_t context, bool quiet) {
    std::vector<Answer> answers;
    for (Reply& reply : replies) {
        output.begin();
        while (std::optional<Event> event = reply.next()) output.print(event->text);
        answers.push_back(reply.wait());
        output.print("\n");
        if (!quiet) print_stop(answers.back(), context);
    }
    return answers;
}

// Of all answers together; seconds: since they were submitted.
std::string speed_of(const std::vector<Answer>& answers, double seconds) {
    if (answers.size() == 1) return speed_line(answers[0]);
    Answer all{.prompt_seconds = answers[0].prompt_seconds, .seconds = seconds - answers[0].prompt_seconds};
    for (const Answer& answer : answers) all.ids.insert(all.ids.end(), answer.ids.begin(), answer.ids.end());
    return fmt::format("{}, {}", format_count(std::ssize(answers), "answer"), speed_line(all));
}

std::string answers_json(const std::vector<Answer>& answers, std::string_view prompt) {
    JsonList list;
    for (const Answer& answer : answers) list.add(JsonText::verbatim(answer_json(answer)));
    return JsonObject{{"prompt", prompt}, {"answers", list}}.text();
}

}  // namespace

int run_generate(Arguments arguments) {
    std::string model, prompt = ::isatty(STDIN_FILENO) ? "" : "-";
    EngineLoadOptions load;
    GenerateOptions requested;
    PrintOptions print;
    ModelArgumentOptions pulling;
    Flags flags(
        "generate",
        "Continue a text. Sampling defaults come from the model's generation_config.json if there is one; those "
        "below apply otherwise.",
        "puna generate models/starter \"Once upon a time\" --max-tokens 200 --seed 1\n"
        "puna generate models/starter \"The dragon said\" -n 50 --count 3\n"
        "puna generate models/starter --temperature 0 --json < story.txt");
    flags.positional("MODEL", model, model_help);
    flags.positional("PROMPT", prompt, "the text to continue; - reads standard input, and so does a pipe [empty]",
                     false);
    flags.add(list_fields(requested));
    flags.add(list_fields(load));
    flags.add(list_fields(print));
    flags.add(list_fields(pulling));
    flags.add_json("print one JSON object at the end instead of streaming the text; with --count an array `answers`");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;

    prompt = prompt == "-" ? read_prompt() : plain_text(prompt, "PROMPT");
    load.sequences = std::min(print.count, max_batch);
    load.sequence_tokens = max_sequence_tokens(prompt, requested.max_tokens);
    std::filesystem::path path = model_path(model, pulling);
    load.adapters = model_paths(load.adapters, pulling);
    Engine engine = load_engine(path, load);
    GenerateOptions options = with_model_defaults(engine, flags, requested);
    std::vector<FieldNote> notes = notes_on(options, engine, flags);
    if (std::string_view reason = why_greedy(options.sample); print.count > 1 && !reason.empty()) {
        print.count = 1;
        notes.push_back({"count", fmt::format("has no effect, {}", reason)});
    }
    flags.print(notes);
    std::vector<int32_t> ids = engine.tokenizer().encode(prompt);
    if (std::optional<int32_t> begin = engine.tokenizer().begin_of_text()) ids.insert(ids.begin(), *begin);
    options.sample.seed = first_seed(options.sample, print.count);
    double start = seconds_now();
    std::vector<Reply> replies = submit(engine, ids, options, print.count);
    if (flags.json()) {
        std::vector<Answer> answers;
        for (Reply& reply : replies) answers.push_back(reply.wait());
        print_now((flags.given("count") ? answers_json(answers, prompt) : answer_json(answers[0], prompt)) + "\n");
        return 0;
    }
    Output output(print.echo ? std::string_view(prompt) : "", print.count, *options.sample.seed);
    std::vector<Answer> answers = print_answers(replies, output, engine.context(), print.quiet);
    if (!print.quiet) print_status("{}\n", speed_of(answers, seconds_now() - start));
    return 0;
}

}  // namespace puna
