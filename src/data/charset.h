// data/charset.h — converts text in any encoding that iconv knows to UTF-8, part by part.
//
//   CharsetDecoder decoder("windows-1252");
//   std::string text;
//   decoder.decode("caf\xe9 ", text);
//   decoder.finish(text);                                      // after the last part
//
// What is not valid in the encoding becomes the byte `not_convertible`, which is not valid UTF-8 either: it is found
// where the text is checked.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace puna {

constexpr char not_convertible = '\xff';

// The encoding that a byte order mark at the beginning of a text names: "UTF-8", "UTF-16LE", ...; empty: there is none.
struct ByteOrderMark {
    std::string_view bytes, encoding;
};
ByteOrderMark find_byte_order_mark(std::string_view beginning);

void check_encoding(const std::string& name);  // throws Error, for the field `encoding`, if iconv does not know it
bool is_utf8(std::string_view encoding);       // one of its names

class CharsetDecoder {
 public:
    explicit CharsetDecoder(const std::string& name);  // throws Error as check_encoding
    ~CharsetDecoder();
    CharsetDecoder(const CharsetDecoder&) = delete;

    void decode(std::string_view bytes, std::string& text);  // appends; an incomplete character waits for its rest
    void finish(std::string& text);
    size_t unit() const { return unit_; }  // bytes of the smallest character: 1, 2 (UTF-16) or 4 (UTF-32)

 private:
    void convert(std::string& text);

    void* iconv_;
    size_t unit_;
    std::string rest_;  // not converted
};

}  // namespace puna
