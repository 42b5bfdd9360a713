#include "data/survey.h"

#include "core/threads.h"
#include "data/read_batches.h"
#include "data/record.h"
#include "data/text_hash.h"
#include "data/text_kind.h"

#include <optional>
#include <utility>

namespace puna {

namespace {

// One document, whose text may come in parts.
class DocumentSurvey {
 public:
    void add_text(std::string_view text, double share) {
        if (chunker_.bytes() == 0) document_.hash = hash_text(text);
        chunker_.add(text, document_.chunks);
        document_.bytes = chunker_.bytes();
        document_.is_long = chunker_.dense_bytes() >= long_document_bytes;
        if (document_.is_long) forget_before(possible_tail(share, document_.bytes));
    }

    void add_record(const Record& record, double share) {
        is_conversation_ = record.conversation.has_value();
        if (!is_conversation_) return add_text(record.text, share);
        document_.hash = hash_conversation(record.conversation->messages);
        document_.bytes = text_bytes(record);
    }

    bool is_empty() const { return !is_conversation_ && chunker_.dense_bytes() == 0; }

    SurveyedDocument finish() {
        if (!is_conversation_) chunker_.finish(document_.chunks);
        document_.chunks.erase(document_.chunks.begin(), document_.chunks.begin() + forgotten_);
        return std::move(document_);
    }

 private:
    // Only the hashes are kept of chunks that end up to here. Erases so rarely that the time is linear.
    void forget_before(int64_t end) {
        std::vector<Chunk>& chunks = document_.chunks;
        for (; forgotten_ < std::ssize(chunks) && chunks[static_cast<size_t>(forgotten_)].end <= end; ++forgotten_)
            document_.before.push_back(chunks[static_cast<size_t>(forgotten_)].hash);
        if (forgotten_ > std::ssize(chunks) / 2)
            chunks.erase(chunks.begin(), chunks.begin() + std::exchange(forgotten_, 0));
    }

    Chunker chunker_;
    SurveyedDocument document_;
    ptrdiff_t forgotten_ = 0;  // the first chunks, of which document_.before has the hashes
    bool is_conversation_ = false;
};

// The pieces of a batch that belong to one document.
struct PieceRange {
    size_t first, last;
};

std::vector<PieceRange> documents_of(const PieceBatch& batch) {
    std::vector<PieceRange> ranges;
    for (size_t i = 0; i < batch.pieces.size(); ++i) {
        bool continues = i > 0 && batch.pieces[i].document == batch.pieces[i - 1].document;
        if (!continues) ranges.push_back({i, i});
        ++ranges.back().last;
    }
    return ranges;
}

void fail_if_any(const PieceBatch& batch, const std::vector<std::optional<BadPiece>>& found) {
    std::vector<BadPiece> others;
    for (const std::optional<BadPiece>& each : found)
        if (each) others.push_back(*each);
    BadInputs errors(false);
    report_in_order(batch, others, errors);
}

class Surveyor {
 public:
    Surveyor(const std::vector<InputFile>& files, const SurveyOptions& options)
        : files_(files), options_(options), planner_(options.rule) {}

    // Whether more documents are wanted.
    bool add(const PieceBatch& batch) {
        std::vector<PieceRange> ranges = documents_of(batch);
        std::vector<DocumentSurvey> surveys(ranges.size());
        std::vector<std::optional<BadPiece>> bad(ranges.size());
        if (open_ && !surveys.empty()) surveys.front() = *std::exchange(open_, std::nullopt);
        parallel_for(std::ssize(ranges), [&](int64_t i) {
            auto range = static_cast<size_t>(i);
            bad[range] = add_pieces(surveys[range], batch, ranges[range]);
        });
        if (!options_.skip_bad) fail_if_any(batch, bad);
        for (size_t i = 0; i < ranges.size(); ++i)
            if (!finish(std::move(surveys[i]), batch.pieces[ranges[i].last - 1])) return false;
        return true;
    }

    ValidationSplit plan() { return planner_.finish(); }

 private:
    // Returns what cannot be read.
    std::optional<BadPiece> add_pieces(DocumentSurvey& survey, const PieceBatch& batch, const PieceRange& range) const {
        size_t i = range.first;
        try {
            for (; i < range.last; ++i) add_piece(survey, batch, batch.pieces[i]);
        } catch (const BadInput& problem) {
            return BadPiece{i, problem};
        }
        return {};
    }

    void add_piece(DocumentSurvey& survey, const PieceBatch& batch, const Piece& piece) const {
        const InputFile& file = files_[piece.file];
        if (file.is_text()) return survey.add_text(batch.text(piece), options_.rule.share);
        Record record = read_record(batch.text(piece), place_of(piece, file), file.path.string(), options_.text_field);
        survey.add_record(record, options_.rule.share);
    }

    bool finish(DocumentSurvey&& survey, const Piece& last) {
        if (!last.ends_document) {
            open_ = std::move(survey);
        } else if (!survey.is_empty()) {
            planner_.add(last.document, survey.finish());
            ++documents_;
        }
        return options_.max_documents == 0 || documents_ < options_.max_documents;
    }

    const std::vector<InputFile>& files_;
    const SurveyOptions& options_;
    SplitPlanner planner_;
    std::optional<DocumentSurvey> open_;  // its pieces continue in the next batch
    int64_t documents_ = 0;
};

}  // namespace

Survey survey_documents(const std::vector<InputFile>& files, ReadOptions read, const SurveyOptions& options) {
    read.log = false;
    DocumentReader reader(files, read);
    Surveyor surveyor(reader.files(), options);
    read_batches(reader, "reading", [&](const PieceBatch& batch) {
        options.check_stop();
        return surveyor.add(batch);
    });
    Survey survey{surveyor.plan(), {}};
    for (size_t i = 0; i < files.size(); ++i) survey.hashes.push_back(reader.hash(i));
    return survey;
}

}  // namespace puna
