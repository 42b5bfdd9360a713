#include "data/count_pieces.h"

#include "core/error.h"
#include "core/progress.h"
#include "data/document_reader.h"
#include "data/record.h"

#include <optional>

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
    size_t next_bad = 0;
    auto add_bad_before = [&](size_t piece) {
        while (next_bad < batch.bad.size() && batch.bad[next_bad].piece <= piece)
            bad.add(batch.bad[next_bad++].problem);
    };
    for (size_t i = 0; i < batch.pieces.size(); ++i) {
        add_bad_before(i);
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
            bad.add(problem);
        }
        if (piece.ends_document) texts += "\n";
    }
    add_bad_before(batch.pieces.size());
    return texts;
}

}  // namespace

PieceCounter count_pieces(const std::vector<InputFile>& files, const InputOptions& options, BadInputs& bad) {
    DocumentReader reader(files, {.encoding = options.encoding});
    int64_t total = 0;
    for (const InputFile& file : reader.files()) total += file.size;
    Progress progress("counting", total, "B");
    PieceCounter counter;
    int64_t done = 0;
    while (std::optional<PieceBatch> batch = reader.next()) {
        counter.add(texts_of(*batch, reader.files(), options.text_field, bad));
        progress.advance(reader.consumed() - done);
        done = reader.consumed();
    }
    bad.log_totals();
    if (counter.counts().empty()) bad.fail_if_any();
    return counter;
}

}  // namespace puna
