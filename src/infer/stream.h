// infer/stream.h — an answer's tokens as text that can be shown at once: whole characters only, never a part of a stop
// text.
//
//   TextStream stream(tokenizer, {"\nUser:"});
//   for (int32_t id : answer) { show(stream.next(id)); if (stream.stopped()) break; }
//   show(stream.flush());
//
// Stop tokens are the engine's business.
#pragma once
#include "tokenizer/decode_stream.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

class TextStream {
 public:
    TextStream(const Tokenizer& tokenizer, std::vector<std::string> stops)
        : decoder_(tokenizer), stops_(std::move(stops)) {}

    std::string next(int32_t id);
    std::string flush();                       // what was held back
    bool stopped() const { return stopped_; }  // a stop text was found: it and what follows are not shown

 private:
    std::string take(std::string_view text);

    DecodeStream decoder_;
    std::vector<std::string> stops_;
    std::string held_;  // perhaps the beginning of a stop text
    bool stopped_ = false;
};

}  // namespace puna
