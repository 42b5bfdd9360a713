#include "cli/answer.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "core/console.h"
#include "core/mapped_file.h"
#include "data/text_kind.h"

#include <cstdio>

namespace puna {

namespace {

struct PrintOptions {
    bool json = false, quiet = false;
    int threads = 0;
};
template <class F>
void fields(PrintOptions& o, F field) {
    field("json", o.json, "print one JSON object at the end instead of text as it comes");
    field("quiet", o.quiet, "do not say at the end how fast it was");
    field("threads", o.threads, "how many to use; 0: all processors");
}

void say_how_it_ended(const Answer& answer, int64_t context) {
    if (answer.finish == Finish::context)
        print_status("the context is full: {} tokens of prompt and {} of text, it holds {}\n", answer.prompt_tokens,
                     answer.ids.size(), context);
    print_status("{}\n", speed_line(answer));
}

}  // namespace

int run_generate(Arguments arguments) {
    std::string model, prompt;
    EngineLoadOptions load;
    GenerateOptions said;
    PrintOptions print;
    Flags flags("generate", "Go on with a text.",
                "puna generate models/starter \"Once upon a time\" --max-tokens 200 --seed 1");
    flags.positional("MODEL", model, "a Hugging Face folder");
    flags.positional("PROMPT", prompt, "the text to go on with; - reads standard input; without one, any text", false);
    flags.add(list_fields(said));
    flags.add(list_fields(load));
    flags.add(list_fields(print));
    if (!flags.parse(arguments)) return 0;
    check_usage([&] {
        validate(said);
        validate(load);
    });
    use_threads(print.threads);

    if (prompt == "-") prompt = plain_text(read_text("-"), "standard input");
    Engine engine = load_engine(model, load);
    GenerateOptions options = with_model_defaults(engine, flags, said);
    flags.print(notes_on(options, engine, flags));
    std::vector<int32_t> ids = engine.tokenizer().encode(prompt);
    ids.insert(ids.begin(), engine.tokenizer().begin_of_text());
    Session session = engine.open();
    bool terminal = prints_to_terminal();
    auto show = [&](std::string_view text) {
        if (!print.json) print_now(terminal ? without_controls(text) : text);
        return true;
    };
    Answer answer;
    try {
        answer = engine.generate(session, ids, options, show);
    } catch (const ContextFull& full) {
        fail("{}: shorten it, ask for fewer (--max-tokens) or make room (--context, up to {} for this model)",
             full.what(), engine.config().context);
    }
    print_now(print.json ? answer_json(answer) + "\n" : "\n");
    if (!print.json && !print.quiet) say_how_it_ended(answer, engine.context());
    return 0;
}

}  // namespace puna
