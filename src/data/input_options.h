// data/input_options.h — how input files are read: the same for packing and for training a tokenizer.
#pragma once
#include "data/charset.h"

#include <string>

namespace puna {

struct InputOptions {
    std::string text_field = "text", encoding;
    bool skip_bad = false;
};
template <class F>
void fields(InputOptions& o, F field) {
    field("text_field", o.text_field, "JSON field that holds a document's text", {.word = "NAME"});
    field("encoding", o.encoding, "encoding of files without a byte order mark, such as windows-1252",
          {.word = "NAME", .unset = "UTF-8"});
    field("skip_bad", o.skip_bad, "skip documents, lines and files that cannot be read, and report them");
}

inline void check_options(const InputOptions& options) {
    if (!options.encoding.empty()) check_encoding(options.encoding);
}

}  // namespace puna
