// covers: src/cli/editor/keys.cpp src/cli/editor/edit_buffer.cpp src/cli/editor/clusters.cpp src/cli/editor/layout.cpp
// src/cli/editor/display.cpp src/cli/editor/line_editor.cpp
#include "cli/editor/line_editor.h"
#include "core/fuzz.h"
#include "core/utf8.h"

#include <algorithm>

// The input: a byte for the width of the terminal, one for its height, and keys. Byte 0xff: it is resized.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        if (input.size() < 2) return;
        live_limit += 64 * input.size();  // rows, in the layout and on the screen
        auto byte = [&](size_t i) { return static_cast<unsigned char>(input[i]); };
        ScreenSize size{byte(0) % 100, byte(1) % 50};
        History history;
        history.add("an entry\nof two lines");
        history.add("/set temperature");
        ClusterWidths widths;
        Completer complete = [](std::string_view text) -> TabCompletion {
            return text.starts_with('/') ? TabCompletion{0, {"/save ", "/set "}} : TabCompletion{text.size(), {"x"}};
        };
        LineEditor editor(history, widths, {.complete = complete, .display = {true, true}});
        KeyDecoder keys;
        editor.start("> ", size);
        auto handle_keys = [&] {
            while (std::optional<Key> key = keys.next()) {
                editor.handle(*key);
                check(find_utf8_errors(editor.text()).count == 0, "the text is not valid UTF-8");
                check(editor.cursor() <= editor.text().size(), "the cursor is after the text");
                Layout layout = editor.layout();
                check(layout.cursor_row < layout.rows.size(), "the cursor is below the text");
                check(layout.cursor_column < std::max(size.columns, min_columns), "the cursor is beside the screen");
                if (editor.state() == LineEditor::State::suspended) editor.resume();
                if (editor.state() != LineEditor::State::editing) editor.start("> ", size);
            }
        };
        for (size_t i = 2; i < input.size(); ++i) {
            if (byte(i) == 0xff) {
                size.columns = (size.columns * 7 + 5) % 100;
                editor.resize(size);
            } else {
                keys.feed(input.substr(i, 1));
                handle_keys();
            }
        }
        editor.stop_measuring();
    });
}
