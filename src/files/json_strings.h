// files/json_strings.h — keeps strings of a JSON text as views, at no cost where the text itself spells them.
//
//   JsonStrings strings(text);
//   read_json(text, path, [&](const JsonEvent& event) { strings.measure(event); });        // first walk
//   read_json(text, path, [&](const JsonEvent& event) { name = strings.keep(event); });    // second walk
//
// A string with escapes is kept in one block of the size that the first walk measured, so that no text makes us take
// more memory than itself. Views live as long as the text and this object, which may move.
#pragma once
#include "core/json.h"

#include <string_view>
#include <vector>

namespace puna {

class JsonStrings {
 public:
    explicit JsonStrings(std::string_view text) : text_(text) {}

    void measure(const JsonEvent& event) { unescaped_size_ += spelled(event).empty() ? event.text.size() : 0; }
    std::string_view keep(const JsonEvent& event);  // event: a key or string that was measured

 private:
    std::string_view spelled(const JsonEvent& event) const;  // empty where escapes spell it otherwise

    std::string_view text_;
    size_t unescaped_size_ = 0;
    std::vector<char> unescaped_;
};

}  // namespace puna
