#include "chat/template_files.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/input_remedies.h"
#include "cli/model_argument.h"
#include "cli/packed_document.h"
#include "cli/stop_signals.h"
#include "cli/terminal.h"
#include "core/console.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "data/pack.h"
#include "data/sources.h"
#include "model/checkpoint_folders.h"
#include "tokenizer/files.h"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace puna {

namespace {

struct TokenizerPath {
    std::string tokenizer;
};
template <class F>
void fields(TokenizerPath& o, F field) {
    field.group("Input");
    field("tokenizer", o.tokenizer, "model, tokenizer.json or tokenizer.model", {.word = "MODEL", .required = true});
}

struct ShowOptions {
    int64_t documents = 3, tokens = 300;
    bool verify = false;
};
template <class F>
void fields(ShowOptions& o, F field) {
    field("documents", o.documents, "print the first N documents, and what is in the loss", {.min = 0});
    field("tokens", o.tokens, "print at most N tokens of each document", {.min = 1});
    field("verify", o.verify, "verify the checksums of all shards");
}

JsonObject summary(const SetIndex& index) {
    return {{"contents", index.conversations ? "conversations" : "text"},
            {"documents", index.documents},
            {"tokens", index.tokens},
            {"trained", index.trained},
            {"bytes", index.bytes},
            {"vocabulary", index.vocabulary},
            {"shards", index.shards.size()}};
}

void print(std::string_view name, const SetIndex& index) {
    fmt::print("{:<12} {}, {} ({} with loss), {} of text, {}\n", name,
               format_count(index.documents, index.conversations ? "conversation" : "document"),
               format_count(index.tokens, "token"), format_count(index.trained, "token"),
               format_quantity(static_cast<double>(index.bytes), "B"),
               format_count(static_cast<int64_t>(index.shards.size()), "shard"));
}

int run_pack(Arguments arguments) {
    PackOptions options;
    TokenizerPath path;
    ModelArgumentOptions pulling;
    Flags flags(
        "data pack",
        "Pack text and conversations into token shards for puna train. Inputs are text files (.txt, ...) and JSON: a "
        ".jsonl file has one document per line, a .json file is an array of documents or a single one. A document is a "
        "text ({\"text\": ...}) or a conversation: messages, ShareGPT, Alpaca, prompt and completion, or a chat that "
        "/save wrote. All may be compressed (.gz, .zst).",
        "puna data pack my-text/ --tokenizer my-tokenizer --output my-data\n"
        "puna data pack my-conversations.jsonl --tokenizer models/starter --output my-talk --hold-out-last 1");
    flags.positional("INPUT", options.inputs, inputs_help);
    flags.add(list_fields(path));
    flags.add(list_fields(options));
    flags.add(list_fields(pulling));
    flags.add_json("print JSON for scripts");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    flags.check_required();
    check_options(options);
    auto start = std::chrono::steady_clock::now();
    std::filesystem::path model = find_model(model_path(path.tokenizer, pulling));
    Tokenizer tokenizer = load_tokenizer(model);
    ChatTemplateText chat = find_chat_template(model, tokenizer);
    catch_stop_signals("\nstopping; Ctrl-C again ends at once\n");
    BadInputs bad(options.input.skip_bad, with_flag_name);
    PackResult result;
    try {
        auto stop = [] { return stop_signal() != 0; };
        result = naming_remedies([&] { return pack(options, tokenizer, chat, bad, stop); });
    } catch (const PackStopped&) {
        return stop_code();
    }
    flags.print(notes_on(options, result, [&](std::string_view field) { return flags.given(field); }));
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (flags.json()) {
        JsonObject line = summary(result.training);
        if (result.validation) line.add("validation", summary(*result.validation));
        line.add("dropped_bytes", result.split.dropped_bytes);
        line.add("skipped", skipped_json(result.skipped));
        line.add("seconds", seconds);
        fmt::print("{}\n", line.text());
        return 0;
    }
    print("training", result.training);
    if (result.validation) print("validation", *result.validation);
    if (result.skipped.total() > 0) fmt::print("{:<12} {}\n", "skipped", describe(result.skipped));
    int64_t bytes = result.training.bytes + (result.validation ? result.validation->bytes : 0);
    fmt::print("in {:.1f} s, {}/s of text\n", seconds, format_quantity(static_cast<double>(bytes) / seconds, "B"));
    return 0;
}

// The first documents of a set.
std::vector<PackedDocument> read_documents(const ShardSet& set, const Tokenizer& tokenizer,
                                           const ShowOptions& options) {
    std::vector<PackedDocument> documents;
    for (const Shard& shard : set.shards())
        for (int64_t d = 0; d < shard.documents() && std::ssize(documents) < options.documents; ++d)
            documents.push_back(read_document(shard, d, tokenizer, options.tokens));
    return documents;
}

void print_documents(const ShardSet& set, const ShowOptions& options) {
    bool colored = supports_escapes(STDOUT_FILENO);
    LossMarks marks = colored ? LossMarks{"\x1b[32m", "\x1b[0m", "\x1b[2m", "\x1b[0m"} : LossMarks{"[[", "]]"};
    Tokenizer tokenizer = load_tokenizer(set.folder());
    if (set.index().conversations && options.documents > 0)
        fmt::print("\n{0}in the loss{1}, {2}not in the loss{3}\n", marks.begin, marks.end, marks.context_begin,
                   marks.context_end);
    for (const PackedDocument& document : read_documents(set, tokenizer, options))
        fmt::print("\n{}\n{}{}\n", heading_of(document), text_of(document, tokenizer, marks, prints_to_terminal()),
                   std::ssize(document.ids) < document.tokens ? " ..." : "");
}

void verify(const ShardSet& set) {
    int64_t total = 0;
    for (const Shard& shard : set.shards()) total += static_cast<int64_t>(shard.bytes().size());
    Progress progress("reading", total, "B");
    set.verify([&](int64_t n) { progress.advance(n); });
}

void print_json(const ShardSet& set, std::string_view sources_path, const ShowOptions& options) {
    JsonObject line = summary(set.index());
    JsonList sources, documents;
    for (const Source& source : parse_sources(read_text(sources_path), sources_path))
        sources.add(JsonText::verbatim(source_json(source)));
    line.add("sources", sources);
    Tokenizer tokenizer = load_tokenizer(set.folder());
    for (const PackedDocument& document : read_documents(set, tokenizer, options))
        documents.add(document_json(document, tokenizer));
    line.add("first_documents", documents);
    fmt::print("{}\n", line.text());
}

int run_show(Arguments arguments) {
    std::string folder;
    ShowOptions options;
    Flags flags(
        "data show",
        "Show the contents of a set of token shards: what it was packed from, and its first documents, in which "
        "text in the loss is green, or [[between brackets]] without color.",
        "puna data show my-data --documents 10");
    flags.positional("FOLDER", folder, "folder written by puna data pack");
    flags.add(list_fields(options));
    flags.add_json("print JSON for scripts, with the ids and the loss mask of each document");
    if (!flags.parse(arguments)) return 0;
    ShardSet set(folder);
    if (options.verify) verify(set);
    std::string sources = (set.folder() / "sources.jsonl").string();
    if (flags.json()) {
        print_json(set, sources, options);
        return 0;
    }
    print(folder, set.index());
    if (options.verify) fmt::print("verified: all checksums match\n");
    fmt::print("\nsources\n{}", read_text(sources));
    print_documents(set, options);
    return 0;
}

constexpr Command subcommands[] = {
    {"pack", "pack text and conversations into token shards for puna train", run_pack},
    {"show", "show the contents of a set of token shards", run_show},
};

}  // namespace

std::span<const Command> data_commands() { return subcommands; }

}  // namespace puna
