// tokenizer/decode_stream.h — incremental detokenizer: text from token ids, one at a time, for streaming.
//
//   DecodeStream stream(tokenizer);
//   for (int32_t id : ids) text += stream.next(id);         // complete characters only; may be empty
//   text += stream.flush();                                 // the remaining bytes
//
// The output is always valid UTF-8: invalid bytes become U+FFFD.
#pragma once
#include "tokenizer/tokenizer.h"

#include <string>

namespace puna {

class DecodeStream {
 public:
    explicit DecodeStream(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}  // must outlive the stream

    std::string next(int32_t id);
    std::string flush();

 private:
    const Tokenizer* tokenizer_;
    std::string pending_;  // an incomplete character
};

}  // namespace puna
