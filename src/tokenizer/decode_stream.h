// tokenizer/decode_stream.h — incremental detokenizer: text from token ids, one at a time, for streaming.
//
//   DecodeStream stream(tokenizer);
//   for (int32_t id : ids) text += stream.next(id);         // complete characters only; may be empty
//   text += stream.flush();                                 // the remaining bytes
//
// The output is always valid UTF-8: invalid bytes become U+FFFD. If nothing precedes the text, the space that its
// encoding puts before it is dropped, as Tokenizer::decode does; an answer follows its prompt and keeps it.
#pragma once
#include "tokenizer/tokenizer.h"

#include <string>

namespace puna {

class DecodeStream {
 public:
    explicit DecodeStream(const Tokenizer& tokenizer,  // must outlive the stream
                          Preceding preceding = Preceding::text)
        : tokenizer_(&tokenizer), begins_(preceding == Preceding::nothing) {}

    std::string next(int32_t id);
    std::string flush();

 private:
    const Tokenizer* tokenizer_;
    bool begins_;          // nothing was returned yet of a text that nothing precedes
    std::string pending_;  // an incomplete character
};

}  // namespace puna
