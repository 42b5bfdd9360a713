#include "data/charset.h"

#include "core/error.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

namespace puna {

namespace {

constexpr size_t output_bytes = 1 << 16;

// Null if iconv does not know one of them. A name with a slash would be an instruction to iconv ("//IGNORE").
iconv_t open_iconv(const char* to, const std::string& from) {
    if (from.empty() || from.find('/') != from.npos) return nullptr;
    iconv_t converter = ::iconv_open(to, from.c_str());
    return converter == reinterpret_cast<iconv_t>(-1) ? nullptr : converter;
}

// The bytes of a letter, behind the mark that encodings without a byte order put before the first one.
size_t unit_of(const std::string& name) {
    iconv_t encoder = ::iconv_open(name.c_str(), "UTF-8");
    if (encoder == reinterpret_cast<iconv_t>(-1)) return 1;
    std::array<char, 16> bytes;
    size_t size = 0;
    for (int i = 0; i < 2; ++i) {
        std::string letter = "a";
        char *in = letter.data(), *out = bytes.data();
        size_t in_left = 1, out_left = bytes.size();
        ::iconv(encoder, &in, &in_left, &out, &out_left);
        size = bytes.size() - out_left;
    }
    ::iconv_close(encoder);
    return std::max<size_t>(size, 1);
}

}  // namespace

ByteOrderMark find_byte_order_mark(std::string_view beginning) {
    constexpr ByteOrderMark marks[] = {{"\xef\xbb\xbf", "UTF-8"},
                                       {std::string_view("\xff\xfe\0\0", 4), "UTF-32LE"},
                                       {std::string_view("\0\0\xfe\xff", 4), "UTF-32BE"},
                                       {"\xff\xfe", "UTF-16LE"},
                                       {"\xfe\xff", "UTF-16BE"}};
    for (const ByteOrderMark& mark : marks)
        if (beginning.starts_with(mark.bytes)) return mark;
    return {};
}

void check_encoding(const std::string& name) { CharsetDecoder decoder(name); }

bool is_utf8(std::string_view encoding) {
    std::string name;
    for (char c : encoding)
        if (c != '-' && c != '_') name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return name == "utf8";
}

CharsetDecoder::CharsetDecoder(const std::string& name) : iconv_(open_iconv("UTF-8", name)) {
    if (!iconv_)
        fail_value("encoding", "'{}' is not known; use a name that 'iconv -l' lists, such as windows-1252 or UTF-16LE",
                   printable(name));
    unit_ = unit_of(name);
}

CharsetDecoder::~CharsetDecoder() { ::iconv_close(iconv_); }

void CharsetDecoder::decode(std::string_view bytes, std::string& text) {
    rest_ += bytes;
    convert(text);
}

// Converts rest_ but for an incomplete character.
void CharsetDecoder::convert(std::string& text) {
    char* in = rest_.data();
    size_t left = rest_.size();
    while (left > 0) {
        size_t before = text.size(), out_left = output_bytes;
        text.resize(before + out_left);
        char* out = text.data() + before;
        size_t result = ::iconv(iconv_, &in, &left, &out, &out_left);
        int problem = result == static_cast<size_t>(-1) ? errno : 0;
        text.resize(before + output_bytes - out_left);
        if (problem == EINVAL) break;
        if (problem != EILSEQ) continue;  // the output is full, or all is converted
        text += not_convertible;
        size_t skipped = std::min(unit_, left);
        in += skipped;
        left -= skipped;
    }
    rest_.erase(0, rest_.size() - left);
}

void CharsetDecoder::finish(std::string& text) {
    convert(text);
    if (!rest_.empty()) text += not_convertible;  // a character without its end
    rest_.clear();
    std::array<char, 64> last;  // some encodings hold a character back, to combine it with the next
    char* out = last.data();
    size_t left = last.size();
    ::iconv(iconv_, nullptr, nullptr, &out, &left);
    text.append(last.data(), last.size() - left);
}

}  // namespace puna
