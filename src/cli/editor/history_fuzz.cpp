// covers: src/cli/editor/history.cpp
#include "cli/editor/history.h"
#include "core/atomic_file.h"
#include "core/fuzz.h"
#include "core/utf8.h"

// A history file, opened and written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        live_limit += 64 * input.size();  // short entries
        std::string lines = "_HiStOrY_V2_\n";
        std::vector<std::string> entries = parse_history(input);
        for (const std::string& entry : entries) {
            check(find_utf8_errors(entry).count == 0, "an entry is not valid UTF-8");
            lines += history_line(entry);
        }
        check(parse_history(lines) == entries, "written entries are read as others");
        static const std::filesystem::path path = temporary_name("/tmp/puna-history");
        std::ofstream(path, std::ios::binary) << input;
        History history(path);
        history.add("new");
        check(History(path).entries().back() == "new", "an entry was not written");
        std::filesystem::remove(path);
    });
}
