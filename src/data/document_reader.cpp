#include "data/document_reader.h"

#include "core/error.h"
#include "core/file_kind.h"
#include "core/log.h"
#include "data/text_kind.h"

#include <algorithm>

namespace puna {

namespace {

constexpr size_t read_bytes = 1 << 20;
constexpr size_t max_bad = 10'000;  // in a batch

}  // namespace

void report_in_order(const PieceBatch& batch, std::span<const BadPiece> others, BadInputs& bad) {
    std::vector<BadPiece> all = batch.bad;
    all.insert(all.end(), others.begin(), others.end());
    std::stable_sort(all.begin(), all.end(), [](const BadPiece& a, const BadPiece& b) { return a.piece < b.piece; });
    for (const BadPiece& each : all) bad.add(each.problem);
}

std::string place_of(const Piece& piece, const InputFile& file) {
    return file.is_text() ? file.path.string() : record_place(file.path.string(), piece.line, piece.item);
}

DocumentReader::DocumentReader(std::vector<InputFile> files, const ReadOptions& options)
    : files_(std::move(files)), options_(options), hashes_(files_.size()) {}

std::optional<PieceBatch> DocumentReader::next() {
    PieceBatch batch;
    batch.bytes.reserve(options_.batch_bytes + 2 * read_bytes);
    while (batch.bytes.size() < options_.batch_bytes && batch.bad.size() < max_bad && file_ < files_.size()) {
        try {
            read_part(batch);
        } catch (const EncodingError& problem) {
            give_up(batch, problem, true);
        } catch (const Error& problem) {
            if (problem.kind == ErrorKind::out_of_memory || !problem.field.empty()) throw;
            give_up(batch, problem, false);
        }
    }
    if (batch.pieces.empty() && batch.bad.empty()) return {};
    return batch;
}

void DocumentReader::read_part(PieceBatch& batch) {
    stream_ ? read_more() : open();
    if (file().is_text()) check_text(batch);
    switch (file().format) {
        case InputFormat::text:
            split_text(batch);
            break;
        case InputFormat::jsonl:
            split_lines(batch);
            break;
        case InputFormat::json:
            split_json(batch);
            break;
    }
    if (at_end_) close(batch);
}

void DocumentReader::open() {
    pending_.clear();
    at_ = scanned_ = 0;
    at_end_ = inside_ = any_bad_ = false;
    pieces_ = line_ = 0;
    item_ = -1;
    lines_ = {};
    json_.emplace(path());
    stream_.emplace(file().content(), options_.encoding, path(), options_.check_stop);
    read_more();
    if (options_.log && !stream_->encoding().empty() && stream_->mark_size() > 0)
        log_info("{}: converted from {}, by its byte order mark", path(), stream_->encoding());
    reject_non_text(pending_, path());
    if (file().format == InputFormat::json) reject_foreign_file(pending_, path());
    if (file().is_text() && contains_json(pending_)) recognize_json();
}

void DocumentReader::recognize_json() {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file().path, ignored))
        fail(ErrorKind::damaged,
             "{}: contains JSON, but its name ends in neither .json nor .jsonl (for one object per line): rename it",
             path());
    std::string_view text = without_leading_space(without_byte_order_mark(pending_));
    files_[file_].format = text.starts_with('[') ? InputFormat::json : InputFormat::jsonl;
}

void DocumentReader::close(PieceBatch& batch) {
    if (options_.log && stream_->looks_like_utf8())
        log_warning("{}: was read as {}, but its bytes are valid UTF-8, so it may be in that encoding", path(),
                    stream_->encoding());
    if (pieces_ == 0 && !any_bad_ && file().named)
        add_bad(batch, Error(fmt::format("{}: contains no documents: exclude it", path())), BadInput::file, false);
    hashes_[file_] = stream_->hash();
    stream_.reset();
    ++file_;
}

// Leaves the file, or what follows in it.
void DocumentReader::give_up(PieceBatch& batch, const Error& problem, bool encoding) {
    if (inside_) add_piece(batch, {}, true);
    add_bad(batch, problem, pieces_ > 0 || any_bad_ ? BadInput::rest_of_file : BadInput::file, encoding);
    stream_.reset();
    ++file_;
}

void DocumentReader::add_bad(PieceBatch& batch, const Error& problem, BadInput::Extent extent, bool encoding) {
    batch.bad.push_back({batch.pieces.size(), BadInput(problem, path(), extent, encoding)});
    any_bad_ = true;
}

void DocumentReader::read_more() {
    pending_.erase(0, at_);
    scanned_ -= std::min(scanned_, at_);
    lines_.discard(at_);
    at_ = 0;
    int64_t consumed = stream_->consumed();
    at_end_ = !stream_->read(pending_, read_bytes);
    consumed_ += stream_->consumed() - consumed;
}

// For text only: invalid UTF-8 in JSON is rejected by the parser.
void DocumentReader::check_text(PieceBatch& batch) {
    if (pending_.find('\0', lines_.checked()) != pending_.npos)
        fail(ErrorKind::damaged, "{}: is not text: it contains a zero byte; exclude it or convert it to UTF-8", path());
    for (const BadLine& bad : lines_.remove_invalid(pending_, at_, at_end_)) {
        std::string what = stream_->encoding().empty()
                               ? fmt::format("UTF-8 at byte {} (0x{:02x})", bad.offset + stream_->mark_size(), bad.byte)
                               : stream_->encoding();
        Error problem(fmt::format("{}:{}: not valid {}", path(), bad.line, what), ErrorKind::damaged);
        add_bad(batch, problem, BadInput::line, true);
        scanned_ = at_;
    }
}

// Consumes the bytes up to `end` as a piece; a document of white space only is dropped, a byte order mark at its
// beginning too.
void DocumentReader::emit(PieceBatch& batch, size_t end, bool ends_document) {
    std::string_view text = std::string_view(pending_).substr(at_, end - at_);
    at_ = end;
    if (!inside_) text = without_byte_order_mark(text);
    if (ends_document && !inside_ && is_blank(text)) return;
    add_piece(batch, text, ends_document);
}

void DocumentReader::add_piece(PieceBatch& batch, std::string_view text, bool ends_document) {
    batch.pieces.push_back({batch.bytes.size(), text.size(), file_, line_, item_, document_, offset_, ends_document});
    batch.bytes += text;
    inside_ = !ends_document;
    offset_ = inside_ ? offset_ + std::ssize(text) : 0;
    document_ += ends_document;
    ++pieces_;
}

void DocumentReader::split_lines(PieceBatch& batch) {
    while (at_ < pending_.size()) {
        size_t end = pending_.find('\n', std::max(at_, scanned_));
        if (end == pending_.npos && !at_end_) break;
        ++line_;
        emit(batch, std::min(end, pending_.size()), true);
        at_ = std::min(at_ + 1, pending_.size());
    }
    scanned_ = pending_.size();
    if (pending_.size() - at_ > options_.max_record)
        fail(ErrorKind::too_large, "{}:{}: the line is longer than {} MiB: a line must be one JSON object", path(),
             line_ + 1, options_.max_record >> 20);
}

void DocumentReader::split_json(PieceBatch& batch) {
    while (std::optional<JsonSplitter::Record> record = json_->next(pending_, at_, at_end_)) {
        line_ = record->line;
        item_ = record->item;
        at_ = record->begin;
        emit(batch, record->end, true);
    }
    if (pending_.size() - at_ > options_.max_record)
        fail(ErrorKind::too_large, "{}: a document behind {} is longer than {} MiB", path(),
             pieces_ > 0 ? record_place(path(), line_, item_) : "the beginning", options_.max_record >> 20);
}

void DocumentReader::split_text(PieceBatch& batch) {
    while (split_document(batch) || split_piece(batch)) continue;
    if (at_end_) emit(batch, pending_.size(), true);
}

// Consumes the text before the next separator line, if there is one.
bool DocumentReader::split_document(PieceBatch& batch) {
    const std::string& separator = options_.separator;
    if (separator.empty()) return false;
    for (;;) {
        size_t begin = pending_.find(separator, std::max(at_, scanned_));
        if (begin == pending_.npos) {
            scanned_ = std::max(scanned_, pending_.size() - std::min(pending_.size(), separator.size() - 1));
            return false;
        }
        scanned_ = begin;
        size_t end = begin + separator.size();
        if (end < pending_.size() && pending_[end] == '\r') ++end;
        if (end == pending_.size() && !at_end_) return false;  // the rest of the line is not read yet
        bool begins_line = begin == at_ ? !inside_ : pending_[begin - 1] == '\n';
        bool ends_line = end == pending_.size() || pending_[end] == '\n';
        if (!begins_line || !ends_line) {
            ++scanned_;
            continue;
        }
        size_t last = begin - (begin > at_);  // without the newline before the separator
        if (last > at_ && pending_[last - 1] == '\r') --last;
        emit(batch, last, true);
        at_ = scanned_ = std::min(end + 1, pending_.size());
        return true;
    }
}

// Consumes part of a long document, up to a point that no token can span.
bool DocumentReader::split_piece(PieceBatch& batch) {
    size_t margin = options_.separator.size() + 4;  // may contain part of a separator or character
    if (pending_.size() - at_ < options_.piece_bytes + margin) return false;
    size_t limit = pending_.size() - margin, end = options_.find_cut(pending_, at_ + options_.piece_bytes);
    if (end >= limit && pending_.size() - at_ <= options_.max_record) return false;
    emit(batch, std::min(end, limit), false);
    return true;
}

}  // namespace puna
