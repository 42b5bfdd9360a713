#include "data/count_pieces.h"

#include "core/error.h"
#include "data/document_reader.h"
#include "data/read_batches.h"
#include "data/record.h"

#include <vector>

namespace puna {

namespace {

std::string texts_of(const TrainingConversation& conversation) {
    std::string texts;
    for (const Message& message : conversation.messages) texts += text_of(message) + "\n";
    return texts;
}

// The texts of a batch, concatenated; newlines keep tokens from spanning documents.
std::string texts_of(const PieceBatch& batch, const std::vector<InputFile>& files, std::string_view text_field,
                     BadInputs& bad) {
    std::string texts;
    std::vector<BadPiece> bad_records;
    for (size_t i = 0; i < batch.pieces.size(); ++i) {
        const Piece& piece = batch.pieces[i];
        const InputFile& file = files[piece.file];
        try {
            if (file.is_text()) {
                texts += batch.text(piece);
            } else {
                Record record = read_record(batch.text(piece), place_of(piece, file), file.path.string(), text_field);
                texts += record.conversation ? texts_of(*record.conversation) : record.text;
            }
        } catch (const BadInput& problem) {
            bad_records.push_back({i, problem});
        }
        if (piece.ends_document) texts += "\n";
    }
    report_in_order(batch, bad_records, bad);
    return texts;
}

}  // namespace

PieceCounter count_pieces(const std::vector<InputFile>& files, const InputOptions& options, BadInputs& bad) {
    DocumentReader reader(files, {.encoding = options.encoding});
    PieceCounter counter;
    read_batches(reader, "counting", [&](const PieceBatch& batch) {
        counter.add(texts_of(batch, reader.files(), options.text_field, bad));
        return true;
    });
    bad.log_totals();
    if (counter.counts().empty()) bad.fail_if_any();
    return counter;
}

}  // namespace puna
