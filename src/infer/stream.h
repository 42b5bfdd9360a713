// infer/stream.h — incremental detokenization: returns only complete characters, and never part of a stop string.
//
//   TextStream stream(tokenizer, {"\nUser:"});
//   for (int32_t id : answer) { show(stream.next(id)); if (stream.stopped()) break; }
//   show(stream.flush());
//
// Stop tokens are handled by the engine.
#pragma once
#include "tokenizer/decode_stream.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

class TextStream {
 public:
    // preceding: what stands before the text (tokenizer/decode_stream.h).
    TextStream(const Tokenizer& tokenizer, std::vector<std::string> stops, Preceding preceding = Preceding::text)
        : decoder_(tokenizer, preceding), stops_(std::move(stops)) {}

    std::string next(int32_t id);
    std::string flush();                       // the remaining text
    bool stopped() const { return stopped_; }  // a stop string was found; neither it nor the text after it is returned

 private:
    std::string append(std::string_view text);

    DecodeStream decoder_;
    std::vector<std::string> stops_;
    std::string held_;  // text that may be the start of a stop string
    bool stopped_ = false;
};

}  // namespace puna
