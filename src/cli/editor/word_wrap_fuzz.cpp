// covers: src/cli/editor/word_wrap.cpp
#include "cli/editor/word_wrap.h"
#include "core/fuzz.h"
#include "core/utf8.h"

#include <algorithm>

// A byte for the width, and a text, of which invalid bytes change the width.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        if (input.empty()) return;
        live_limit += 16 * input.size();
        int columns = static_cast<unsigned char>(input[0]) % 100;
        ClusterWidths widths;
        WordWrap wrap(widths);
        for (size_t at = 1; at < input.size();) {
            Character c = read_character(input, at);
            if (c.code == not_unicode)
                columns = (columns * 7 + 5) % 100;
            else
                wrap.add(input.substr(at, c.size), columns);
            at += c.size;
        }
    });
}
