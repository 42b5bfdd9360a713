#include "data/count_pieces.h"

#include "core/error.h"
#include "core/progress.h"
#include "data/document_reader.h"
#include "data/jsonl.h"

#include <optional>

namespace puna {

namespace {

// The texts of a batch, concatenated; newlines keep tokens from spanning documents.
std::string texts_of(const PieceBatch& batch, const std::vector<InputFile>& files, std::string_view text_field) {
    std::string texts;
    for (const Piece& piece : batch.pieces) {
        if (piece.line == 0) {
            texts += batch.text(piece);
        } else {
            std::string location = fmt::format("{}:{}", files[piece.file].path.string(), piece.line);
            JsonlDocument document = parse_jsonl(batch.text(piece), location, text_field);
            texts += document.text;
            for (const Message& message : document.messages) texts += text_of(message) + "\n";
        }
        if (piece.ends_document) texts += "\n";
    }
    return texts;
}

}  // namespace

PieceCounter count_pieces(const std::vector<InputFile>& files, std::string_view text_field) {
    DocumentReader reader(files, {});
    int64_t total = 0;
    for (const InputFile& file : reader.files()) total += file.size;
    Progress progress("counting", total, "B");
    PieceCounter counter;
    int64_t done = 0;
    while (std::optional<PieceBatch> batch = reader.next()) {
        counter.add(texts_of(*batch, reader.files(), text_field));
        progress.advance(reader.consumed() - done);
        done = reader.consumed();
    }
    return counter;
}

}  // namespace puna
