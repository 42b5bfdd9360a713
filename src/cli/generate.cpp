#include "cli/answer.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "core/console.h"
#include "core/mapped_file.h"
#include "data/text_kind.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace puna {

namespace {

struct PrintOptions {
    bool echo = true, quiet = false;
};
template <class F>
void fields(PrintOptions& o, F field) {
    field.group("Output");
    field("echo", o.echo, "print the prompt before its continuation");
    field("quiet", o.quiet, "do not print the speed at the end");
}

void print_summary(const Answer& answer, int64_t context) {
    if (answer.finish == Finish::context)
        print_status("[stopped: the context is full: {} prompt tokens and {} generated, it holds {}]\n",
                     answer.prompt_tokens, answer.ids.size(), context);
    print_status("{}\n", speed_line(answer));
}

// Without the newline that ends the last line: the text continues there.
std::string read_prompt() {
    std::string text(plain_text(read_text("-"), "standard input"));
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
}

// Generated text; before the first, what it continues.
class Output {
 public:
    explicit Output(std::string_view prompt) : prompt_(prompt) {}

    void print(std::string_view text) {
        std::string_view prompt = std::exchange(prompt_, "");
        if (!prompt.empty()) print_now(dimmed(shown(prompt)));
        print_now(shown(text));
    }

 private:
    std::string shown(std::string_view text) const { return terminal_ ? without_controls(text) : std::string(text); }

    std::string_view prompt_;
    bool terminal_ = prints_to_terminal();
};

}  // namespace

int run_generate(Arguments arguments) {
    std::string model, prompt = ::isatty(STDIN_FILENO) ? "" : "-";
    EngineLoadOptions load;
    GenerateOptions requested;
    PrintOptions print;
    Flags flags(
        "generate",
        "Continue a text. Sampling defaults come from the model's generation_config.json if there is one; those "
        "below apply otherwise.",
        "puna generate models/starter \"Once upon a time\" --max-tokens 200 --seed 1\n"
        "puna generate models/starter --temperature 0 --json < story.txt");
    flags.positional("MODEL", model, model_help);
    flags.positional("PROMPT", prompt, "the text to continue; - reads standard input, and so does a pipe [empty]",
                     false);
    flags.add(list_fields(requested));
    flags.add(list_fields(load));
    flags.add(list_fields(print));
    flags.add_json("print one JSON object at the end instead of streaming the text");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;

    prompt = prompt == "-" ? read_prompt() : plain_text(prompt, "PROMPT");
    Engine engine = load_engine(model, load);
    GenerateOptions options = with_model_defaults(engine, flags, requested);
    flags.print(notes_on(options, engine, flags));
    std::vector<int32_t> ids = engine.tokenizer().encode(prompt);
    if (std::optional<int32_t> begin = engine.tokenizer().begin_of_text()) ids.insert(ids.begin(), *begin);
    Output output(print.echo ? std::string_view(prompt) : std::string_view());
    auto show = [&](std::string_view text) {
        if (!flags.json()) output.print(text);
        return true;
    };
    Answer answer;
    try {
        answer = engine.generate(ids, options, show);
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::too_large) throw;
        fail(problem.kind,
             "{}; shorten the prompt, use a smaller --max-tokens, or a larger --context (this model allows {})",
             problem.what(), engine.config().context);
    }
    if (flags.json()) {
        print_now(answer_json(answer, prompt) + "\n");
        return 0;
    }
    output.print("\n");
    if (!print.quiet) print_summary(answer, engine.context());
    return 0;
}

}  // namespace puna
