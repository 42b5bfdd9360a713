#include "chat/template_files.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/ids.h"
#include "cli/input_remedies.h"
#include "core/atomic_file.h"
#include "core/console.h"
#include "core/error.h"
#include "core/folders.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/overwrite.h"
#include "core/progress.h"
#include "data/count_pieces.h"
#include "data/text_kind.h"
#include "tokenizer/encoder.h"
#include "tokenizer/files.h"
#include "tokenizer/train.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>

namespace puna {

namespace {

struct TrainFlags {
    std::string output;
    bool force = false;
    InputOptions input;
};
template <class F>
void fields(TrainFlags& o, F field) {
    field("output", o.output, "folder for tokenizer.json, tokenizer_config.json and chat_template.jinja",
          {.word = "FOLDER", .required = true});
    field("force", o.force, force_help);
    fields(o.input, field);
}

bool is_tokenizer_folder(const std::filesystem::path& path) {
    return file_exists(path / "tokenizer.json") && contains_only(path, [](const std::filesystem::path& entry) {
               std::string name = entry.filename().string();
               return name == "tokenizer.json" || name == "tokenizer_config.json" || name == "chat_template.jinja";
           });
}

int run_tokenizer_train(Arguments arguments) {
    std::vector<std::string> inputs;
    TrainOptions options;
    TrainFlags more;
    Flags flags(
        "tokenizer train",
        "Train a byte-level BPE tokenizer on text: .txt, .json and .jsonl files as for puna data pack, also compressed "
        "as .gz or .zst.",
        "puna tokenizer train my-text/ --vocabulary 2048 --output my-tokenizer");
    flags.positional("INPUT", inputs, "text and JSON files, or folders of them");
    flags.add(list_fields(options));
    flags.add(list_fields(more));
    flags.add_json("print a summary as JSON");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    flags.check_required();
    const std::string& output = more.output;
    check_overwrite(output, {"a tokenizer", is_tokenizer_folder}, more.force);
    check_options(more.input);
    BadInputs bad(more.input.skip_bad);
    Tokenizer tokenizer = naming_remedies([&] {
        std::vector<InputFile> files = find_input_files(inputs, bad);
        if (flags.given("text_field") && std::all_of(files.begin(), files.end(), [](auto& f) { return f.is_text(); }))
            flags.print({{"text_field", "has no effect, no input is JSON"}});
        return train_tokenizer(count_pieces(files, more.input, bad), options);
    });
    NewFolder folder(output);
    save_tokenizer(tokenizer, folder.path());
    save_chat_template(llama3_chat_template(tokenizer), tokenizer, folder.path());
    more.force ? folder.replace() : folder.commit();
    if (flags.json())
        fmt::print(
            "{}\n",
            JsonObject{{"output", output}, {"tokens", tokenizer.size()}, {"skipped", skipped_json(bad.skipped())}}
                .text());
    else
        print_status("{}: {} tokens{}\n", output, tokenizer.size(),
                     bad.skipped().total() > 0 ? fmt::format("; skipped {}", describe(bad.skipped())) : "");
    return 0;
}

void print_ids(std::span<const int32_t> ids, bool json) {
    if (json) {
        fmt::print("{}\n", JsonObject{{"ids", std::vector(ids.begin(), ids.end())}}.text());
        return;
    }
    for (int32_t id : ids) fmt::print("{}\n", id);
}

std::string_view as_text(std::span<const int32_t> ids) {
    return {reinterpret_cast<const char*>(ids.data()), ids.size_bytes()};
}

// Calls on_ids with a part of the ids at a time, so that neither a whole file nor its ids must fit in memory.
void encode_parts(const Tokenizer& tokenizer, std::string_view text,
                  const std::function<void(std::span<const int32_t>)>& on_ids) {
    Progress progress("encoding", static_cast<int64_t>(text.size()), "B");
    Encoder(tokenizer, text.size()).encode_parts(text, [&](std::span<const int32_t> ids, size_t bytes) {
        on_ids(ids);
        progress.advance(static_cast<int64_t>(bytes));
    });
}

void encode_to_file(const Tokenizer& tokenizer, std::string_view text, const std::string& output) {
    AtomicFile file(output);
    encode_parts(tokenizer, text, [&](std::span<const int32_t> ids) {
        file.write(std::as_bytes(ids));
    });  // u32 little-endian, this machine's byte order
    file.commit();
}

std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<int32_t> all;
    all.reserve(text.size() / 4);
    encode_parts(tokenizer, text, [&](std::span<const int32_t> ids) { all.insert(all.end(), ids.begin(), ids.end()); });
    return all;
}

struct EncodeOptions {
    std::string output;
    bool force = false, special = false;
};
template <class F>
void fields(EncodeOptions& o, F field) {
    field("output", o.output, "write the ids to this file, as u32 little-endian", {.word = "FILE"});
    field("force", o.force, force_help);
    field("special", o.special, "recognize control tokens in the text");
}

int run_tokenizer_encode(Arguments arguments) {
    std::string model, input = "-";
    EncodeOptions options;
    Flags flags(
        "tokenizer encode",
        "Encode text as token ids, one per line. Control tokens in the text are plain text unless --special is given.",
        "puna tokenizer encode models/starter story.txt\necho Hello | puna tokenizer encode models/starter --json");
    flags.positional("TOKENIZER", model, "model folder, tokenizer.json or tokenizer.model");
    flags.positional("FILE", input, "the text [standard input]", false);
    flags.add(list_fields(options));
    flags.add_json("print {\"ids\": [...]}");
    if (!flags.parse(arguments)) return 0;
    const std::string& output = options.output;
    check_overwrite(output, {"a file of token ids", is_ids_file}, options.force);
    Tokenizer tokenizer = load_tokenizer(model);
    if (std::error_code absent; input != "-" && !std::filesystem::exists(input, absent))
        fail("{}: no such file; to encode a text itself, pipe it in: echo TEXT | puna tokenizer encode TOKENIZER",
             input);
    std::optional<MappedFile> mapped;
    std::string stream;
    if (std::filesystem::is_regular_file(input))
        mapped.emplace(input);
    else
        stream = read_text(input);
    std::string_view text = plain_text(mapped ? mapped->text() : stream, input_name(input));
    if (input != "-" && contains_json(text)) log_warning("{}: contains JSON, which is encoded like any text", input);
    if (flags.json() && !output.empty()) flags.print({{"json", "has no effect with --output"}});
    if (!output.empty() && !options.special)
        encode_to_file(tokenizer, text, output);
    else if (!output.empty())
        write_file(output, as_text(tokenizer.encode_with_control(text)));
    else
        print_ids(options.special ? tokenizer.encode_with_control(text) : encode(tokenizer, text), flags.json());
    return 0;
}

int run_tokenizer_decode(Arguments arguments) {
    std::string model, input = "-";
    Flags flags("tokenizer decode",
                "Decode token ids to text. The ids are text separated by white space, JSON, or u32 little-endian.",
                "puna tokenizer decode models/starter ids.txt");
    flags.positional("TOKENIZER", model, "model folder, tokenizer.json or tokenizer.model");
    flags.positional("FILE", input, "the ids [standard input]", false);
    flags.add_json("print {\"text\": \"...\"}");
    if (!flags.parse(arguments)) return 0;
    Tokenizer tokenizer = load_tokenizer(model);
    std::string text = tokenizer.decode(read_ids(input, tokenizer.size()));
    if (flags.json()) text = JsonObject{{"text", text}}.text() + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

constexpr Command subcommands[] = {
    {"train", "train a tokenizer on text", run_tokenizer_train},
    {"encode", "encode text as token ids", run_tokenizer_encode},
    {"decode", "decode token ids to text", run_tokenizer_decode},
};

}  // namespace

std::span<const Command> tokenizer_commands() { return subcommands; }

}  // namespace puna
