// tokenizer/decode_stream.h — ids to text one by one, for an answer that is shown while it is made.
//
//   DecodeStream stream(tokenizer);
//   for (int32_t id : answer) print(stream.next(id));       // whole characters only; perhaps nothing yet
//   print(stream.flush());                                  // what was held back
//
// What it gives is always UTF-8: bytes that no further byte can make a character become U+FFFD.
#pragma once
#include "tokenizer/tokenizer.h"

#include <string>

namespace puna {

class DecodeStream {
 public:
    explicit DecodeStream(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}  // which must outlive it

    std::string next(int32_t id);
    std::string flush();

 private:
    const Tokenizer* tokenizer_;
    std::string held_;  // the beginning of a character
};

}  // namespace puna
