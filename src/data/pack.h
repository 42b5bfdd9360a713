// data/pack.h — text and conversations into a set of token shards (data/shard_set.h), on all cores.
//
//   PackResult result = pack({.inputs = {"novels", "tales.txt.zst"}, .output = "packed", .tokenizer =
//   "models/starter"});
//
// A document of text becomes <|begin_of_text|>, its tokens, <|end_of_text|>; a conversation the ids of its prompt, of
// which the assistant's own are learnt, the end of its turns included. Text never becomes a control token. The bytes
// written are a function of the inputs and the options only, documents in the order of the inputs. What is held out is
// a set of its own, in the folder `validation` of the output. The output appears when it is complete; it must not be
// there before. Reading and decompressing take one core, encoding all of them. Throws Error with the path and the line.
#pragma once
#include "data/shard_set.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct PackOptions {
    std::vector<std::string> inputs;  // files and folders (data/input_files.h)
    std::string output, tokenizer;
    std::string separator = "<|endoftext|>", text_field = "text", date = "26 Jul 2024";
    double validation_share = 0;
    int64_t hold_out_last = 0, max_documents = 0, shard_megabytes = 256;
};
template <class F>
void fields(PackOptions& o, F field) {
    field("output", o.output, "the folder to make");
    field("tokenizer", o.tokenizer, "a model's folder, a tokenizer.json or a tokenizer.model");
    field("validation_share", o.validation_share, "hold out this share of the documents, chosen by their text");
    field("hold_out_last", o.hold_out_last, "hold out the last N documents of all");
    field("max_documents", o.max_documents, "stop after so many; 0: take all");
    field("separator", o.separator, "a line that is exactly this stands between two documents of a text file");
    field("text_field", o.text_field, "the field of JSONL that holds a document's text");
    field("date", o.date, "today, for prompts that name it (Llama 3.1 and later)");
    field("shard_megabytes", o.shard_megabytes, "size of a shard file");
}

struct PackResult {
    SetIndex training;
    std::optional<SetIndex> validation;        // if something was held out
    bool any_text = false, any_jsonl = false;  // among the input files
    bool dated = false;                        // prompts name a date
};

void check_options(const PackOptions& options);  // throws Error, naming the flag; pack() begins with it
PackResult pack(const PackOptions& options);

// A line for each option that had no effect and for each thing missing from the result, beginning with the field's
// name. named: was this field set by the user.
std::vector<std::string> notes_on(const PackOptions& options, const PackResult& result,
                                  const std::function<bool(std::string_view field)>& named);

}  // namespace puna
