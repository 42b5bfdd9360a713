// files/json_strings.h — stores strings of a JSON text as views; only strings with escapes are copied.
//
//   JsonStrings strings(text);
//   read_json(text, path, [&](const JsonEvent& event) { strings.measure(event); });       // first pass
//   read_json(text, path, [&](const JsonEvent& event) { name = strings.store(event); });    // second pass
//
// Strings with escapes are copied to one block of the size measured in the first pass, so memory is bounded by the size
// of the text. Views are valid while both the text and this object (which is movable) exist.
#pragma once
#include "core/json.h"

#include <string_view>
#include <vector>

namespace puna {

class JsonStrings {
 public:
    explicit JsonStrings(std::string_view text) : text_(text) {}

    void measure(const JsonEvent& event) { unescaped_size_ += verbatim(event).empty() ? event.text.size() : 0; }
    std::string_view store(const JsonEvent& event);  // event: a key or string passed to measure before

 private:
    std::string_view verbatim(const JsonEvent& event) const;  // the view into the text; empty if the string has escapes

    std::string_view text_;
    size_t unescaped_size_ = 0;
    std::vector<char> unescaped_;
};

}  // namespace puna
