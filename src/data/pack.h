// data/pack.h — tokenizes text and conversations into a set of token shards (data/shard_set.h), on all cores.
//
//   PackOptions options{.inputs = {"novels", "tales.txt.zst"}, .output = "packed"};
//   PackResult result = pack(options, tokenizer, find_chat_template("models/starter", tokenizer));
//
// A text document becomes <|begin_of_text|>, its tokens, <|end_of_text|>, or the model's bos_token and eos_token; a
// conversation becomes its prompt's ids, with the assistant's tokens in the loss, end of turn included. Text never
// becomes a control token. The bytes written are a function of the inputs and the options alone, with documents in
// input order. What is held out (data/validation_split.h) forms a set of its own in the subfolder `validation`; to
// choose it, the inputs are read once more, before anything is encoded. The output appears atomically; it must not
// exist before, or with `force` be a set, which it replaces when it is complete. One thread reads and decompresses, all
// cores encode. Throws Error with the path and the line of the first input that cannot be read, or skips and counts all
// of them.
#pragma once
#include "core/fields.h"
#include "core/overwrite.h"
#include "data/bad_input.h"
#include "data/input_options.h"
#include "data/shard_set.h"
#include "data/validation_split.h"
#include "tokenizer/chat_template_files.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct PackOptions {
    std::vector<std::string> inputs;  // files and folders (data/input_files.h)
    std::string output;
    InputOptions input;
    std::string separator = "<|endoftext|>", date = "26 Jul 2024";
    std::optional<double> validation_share;
    int64_t hold_out_last = 0, max_documents = 0, shard_megabytes = 256;
    bool force = false;
};
template <class F>
void fields(PackOptions& o, F field) {
    field.group("Input");
    field("max_documents", o.max_documents, "stop after N documents", {.min = 0, .unset = "all"});
    field("separator", o.separator, "line that separates the documents of a text file");
    fields(o.input, field);
    field("date", o.date, "date for prompts that contain one (Llama 3.1 and later)");
    field.group("Validation");
    field("validation_share", o.validation_share,
          "fraction of the text to hold out: the end of each long document, and short ones chosen by a hash of their "
          "content; 0: none",
          {.min = 0, .max = 1, .below_max = true, .unset = "0.1, at most 16 MiB; 0 if the last N are held out"});
    field("hold_out_last", o.hold_out_last, "hold out the last N documents", {.min = 0, .unset = "none"});
    field.group("Output");
    field("output", o.output, "folder to create, for training and held-out data", {.word = "FOLDER", .required = true});
    field("force", o.force, force_help);
    field("shard_megabytes", o.shard_megabytes, "size of a shard file, in MiB", {.min = 1, .max = 1024});
}

struct PackResult {
    SetIndex training;
    std::optional<SetIndex> validation;       // if documents were held out
    SkippedInputs skipped;                    // that could not be read
    bool any_text = false, any_json = false;  // among the input files
    SplitCounts split;
    int64_t held_out_copies = 0;  // documents of hold_out_last whose text is in training too
    bool dated = false;           // prompts contain a date
};

// What no field knows alone; pack() begins with it. Throws Error, naming the field.
void check_options(const PackOptions& options);

struct PackStopped {};  // thrown on request, not an Error: nothing failed

// chat: for conversations; saved beside the tokenizer of a set of them. Text needs none. Throws PackStopped, and leaves
// no file, soon after `stop` returns true.
PackResult pack(
    const PackOptions& options, const Tokenizer& tokenizer, const ChatTemplateText& chat, BadInputs& bad,
    const std::function<bool()>& stop = [] { return false; });
PackResult pack(const PackOptions& options, const Tokenizer& tokenizer, const ChatTemplateText& chat);

// On each option that had no effect and each expected output that is missing. named: whether the user set this field.
std::vector<FieldNote> notes_on(const PackOptions& options, const PackResult& result,
                                const std::function<bool(std::string_view field)>& named);

}  // namespace puna
