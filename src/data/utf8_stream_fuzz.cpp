// covers: src/data/utf8_stream.cpp src/data/charset.cpp src/data/line_filter.cpp
#include "core/fuzz.h"
#include "core/utf8.h"
#include "data/line_filter.h"
#include "data/utf8_stream.h"

// The first line is the name of the encoding, the rest the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        live_limit += 8 * input.size() + (size_t{4} << 20);  // wide characters, buffers of iconv and of the stream
        std::string encoding(input.substr(0, std::min(input.find('\n'), input.size())));
        FuzzFile file(input.substr(std::min(encoding.size() + 1, input.size())));
        Utf8Stream stream(file.path(), encoding);
        LineFilter filter;
        std::string text;
        for (bool more = true; more;) {
            more = stream.read(text, 16);
            filter.remove_invalid(text, 0, !more);
        }
        check(find_utf8_errors(text).count == 0, "the filter left invalid UTF-8");
    });
}
