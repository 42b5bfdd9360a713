// covers: src/data/document_reader.cpp
#include "core/fuzz.h"
#include "core/utf8.h"
#include "data/document_reader.h"

// The first byte is the format: t, l (JSON lines) or j (JSON).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    return fuzz(data, size, [](std::string_view input) {
        live_limit += size_t{8} << 20;  // buffers
        if (input.empty()) return;
        InputFormat format = input[0] == 'l'   ? InputFormat::jsonl
                             : input[0] == 'j' ? InputFormat::json
                                               : InputFormat::text;
        FuzzFile file(input.substr(1));
        DocumentReader reader({{.path = file.path(), .format = format, .named = true}},
                              {.separator = "--", .batch_bytes = 1 << 16, .piece_bytes = 64, .max_record = 1 << 14});
        bool inside = false, any = false;
        while (std::optional<PieceBatch> batch = reader.next()) {
            for (const Piece& piece : batch->pieces) {
                check(format != InputFormat::text || find_utf8_errors(batch->text(piece)).count == 0, "invalid UTF-8");
                inside = !piece.ends_document;
            }
            any = true;
        }
        check(any, "neither a document nor the reason why there is none");
        check(!inside, "a document does not end");
    });
}
