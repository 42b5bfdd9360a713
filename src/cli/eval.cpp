#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_argument.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "data/text_kind.h"
#include "eval/text.h"
#include "library/load.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace puna {

namespace {

struct TextOptions {
    std::string against;
};
template <class F>
void fields(TextOptions& o, F field) {
    field.group("Model");
    field("against", o.against, "model to compare with: mean KL divergence from it, and top-1 agreement",
          {.word = "MODEL"});
}

template <class Score>
TextScore with_progress(std::string_view text, Score score) {
    Progress progress("scoring", std::ssize(text), "B");
    return score([&](int64_t bytes) { progress.advance(bytes); });
}

void print(const TextScore& score, int64_t context, bool compared, bool json) {
    if (json) {
        JsonObject line{{"documents", score.documents},
                        {"tokens", score.tokens},
                        {"bytes", score.bytes},
                        {"context", context},
                        {"perplexity", score.perplexity()},
                        {"bits_per_byte", score.bits_per_byte()},
                        {"kernels", full_name(choose_kernels())}};
        if (compared) line.add("kl_divergence", score.divergence);
        if (compared) line.add("top1_agreement", score.top1_agreement);
        fmt::print("{}\n", line.text());
        return;
    }
    fmt::print(
        "documents      {}\ntokens         {}\nbytes          {}\nperplexity     {:.4f}\nbits per byte  {:.4f}\n"
        "kernels        {}\n",
        score.documents, score.tokens, score.bytes, score.perplexity(), score.bits_per_byte(),
        full_name(choose_kernels()));
    if (compared)
        fmt::print("KL divergence  {:.6g} nats\ntop-1 agreed   {:.2f} %\n", score.divergence,
                   100 * score.top1_agreement);
}

int run_text(Arguments arguments) {
    std::string model, file;
    EngineLoadOptions load;
    TextOptions options;
    ModelArgumentOptions pulling;
    Flags flags("eval text",
                "Measure how well a model predicts a text. Lines that are exactly <|endoftext|> separate documents. "
                "Each document begins with <|begin_of_text|>, or the model's own such token if it has one; one longer "
                "than the context is cut into windows that do not overlap, each with its own such token. Separator "
                "lines and end-of-text tokens are not counted.",
                "puna eval text models/starter story.txt\n"
                "puna eval text my-assistant story.txt --against models/starter --json");
    flags.positional("MODEL", model, model_help);
    flags.positional("FILE", file, "the text; - reads standard input");
    flags.add(list_fields(load));
    flags.add(list_fields(options));
    flags.add(list_fields(pulling));
    flags.add_json("print JSON for scripts");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;

    std::string content = read_text(file), name = input_name(file);
    std::string_view text = plain_text(content, name);
    if (file != "-" && contains_json(text))
        fail(
            "{0}: contains JSON, not text: extract its texts, as with jq -r .text {0}, or pipe it in to score the JSON",
            file);
    if (split_documents(text).empty()) fail("{}: is empty: nothing to score", name);
    std::filesystem::path path = model_path(model, pulling), against;
    if (!options.against.empty()) against = model_path(options.against, pulling);
    std::error_code absent;
    if (std::filesystem::equivalent(path, against, absent))
        flags.print({{"against", "is the same model, so nothing will differ"}});
    load.adapters = model_paths(load.adapters, pulling);
    Engine engine = load_engine(path, load);
    if (against.empty()) {
        TextScore score =
            with_progress(text, [&](const OnScored& on_scored) { return score_text(engine, text, on_scored); });
        print(score, engine.context(), false, flags.json());
        return 0;
    }
    load.adapters.clear();
    Engine reference = load_engine(against, load);
    TextScore score = with_progress(
        text, [&](const OnScored& on_scored) { return compare_on_text(engine, reference, text, on_scored); });
    print(score, std::min(engine.context(), reference.context()), true, flags.json());
    return 0;
}

constexpr Command subcommands[] = {
    {"text", "perplexity and bits per byte of a text; KL divergence from another model", run_text},
};

}  // namespace

std::span<const Command> eval_commands() { return subcommands; }

}  // namespace puna
