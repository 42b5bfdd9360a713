#include "cli/tokenizer.h"

#include "chat/template_files.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/input_remedies.h"
#include "core/atomic_file.h"
#include "core/console.h"
#include "core/error.h"
#include "core/folders.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/overwrite.h"
#include "data/count_pieces.h"
#include "tokenizer/files.h"
#include "tokenizer/train.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

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
    flags.positional("INPUT", inputs, inputs_help);
    flags.add(list_fields(options));
    flags.add(list_fields(more));
    flags.add_json("print a summary as JSON");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    flags.check_required();
    const std::string& output = more.output;
    check_overwrite(output, {"a tokenizer", is_tokenizer_folder}, more.force);
    check_options(more.input);
    BadInputs bad(more.input.skip_bad, with_flag_name);
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

constexpr Command subcommands[] = {
    {"train", "train a tokenizer on text", run_tokenizer_train},
    {"encode", "encode text as token ids", run_tokenizer_encode},
    {"decode", "decode token ids to text", run_tokenizer_decode},
    {"show", "show a tokenizer's kind, size and special tokens", run_tokenizer_show},
};

}  // namespace

std::span<const Command> tokenizer_commands() { return subcommands; }

}  // namespace puna
