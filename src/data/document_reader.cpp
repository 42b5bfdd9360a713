#include "data/document_reader.h"

#include "core/error.h"
#include "core/utf8.h"
#include "data/text_kind.h"
#include "tokenizer/unicode.h"

#include <algorithm>

namespace puna {

namespace {

constexpr size_t read_bytes = 1 << 20;

}  // namespace

DocumentReader::DocumentReader(std::vector<InputFile> files, const ReadOptions& options)
    : files_(std::move(files)), options_(options), hashes_(files_.size()) {}

std::optional<PieceBatch> DocumentReader::next() {
    PieceBatch batch;
    batch.bytes.reserve(options_.batch_bytes + 2 * read_bytes);
    while (batch.bytes.size() < options_.batch_bytes && file_ < files_.size()) {
        stream_ ? read_more() : open();
        if (!files_[file_].jsonl) check_text();
        files_[file_].jsonl ? split_lines(batch) : split_text(batch);
        if (at_end_) close();
    }
    if (batch.pieces.empty()) return {};
    return batch;
}

void DocumentReader::open() {
    stream_.emplace(files_[file_].path);
    pending_.clear();
    at_ = scanned_ = 0;
    line_ = pieces_ = 0;
    at_end_ = inside_ = false;
    checked_ = text_bytes_ = 0;
    invalid_at_.reset();
    read_more();
    std::string path = files_[file_].path.string();
    reject_non_text(pending_, path);
    if (!files_[file_].jsonl && contains_json(pending_))
        fail(
            "{}: contains JSON, but its name does not end in .jsonl: rename it, or write one object per line to a "
            ".jsonl "
            "file",
            path);
    if (pending_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
}

void DocumentReader::close() {
    if (pieces_ == 0 && files_[file_].named) fail("{}: contains no documents: exclude it", files_[file_].path.string());
    if (invalid_at_) warn_about_invalid_utf8(files_[file_].path.string(), *invalid_at_);
    hashes_[file_] = stream_->hash();
    stream_.reset();
    ++file_;
}

void DocumentReader::read_more() {
    pending_.erase(0, at_);
    scanned_ -= std::min(scanned_, at_);
    checked_ -= std::min(checked_, at_);
    at_ = 0;
    size_t size = pending_.size(), wanted = size + read_bytes;
    int64_t consumed = stream_->consumed();
    pending_.resize(wanted);
    while (size < wanted && !at_end_) {  // a decoder may return less than requested
        size_t n = stream_->read(std::span(pending_).subspan(size));
        size += n;
        at_end_ = n == 0;
    }
    pending_.resize(size);
    consumed_ += stream_->consumed() - consumed;
}

// Checks the bytes read since the last call, except for an incomplete character at the end. For text only: invalid
// UTF-8 in JSON is rejected by the parser.
void DocumentReader::check_text() {
    std::string_view fresh = std::string_view(pending_).substr(checked_);
    if (!at_end_) fresh.remove_suffix(incomplete_tail(fresh));
    if (fresh.find('\0') != fresh.npos)
        fail("{}: is not text: it contains a zero byte; exclude it or convert it to UTF-8",
             files_[file_].path.string());
    if (Utf8Errors errors = find_utf8_errors(fresh); errors.count > 0 && !invalid_at_)
        invalid_at_ = text_bytes_ + errors.first;
    text_bytes_ += fresh.size();
    checked_ += fresh.size();
}

// Consumes the bytes up to `end` as a piece; a document of white space only is dropped.
void DocumentReader::emit(PieceBatch& batch, size_t end, bool ends_document) {
    std::string_view text = std::string_view(pending_).substr(at_, end - at_);
    at_ = end;
    if (ends_document && !inside_ && is_blank(text)) return;
    batch.pieces.push_back({batch.bytes.size(), text.size(), file_, line_, ends_document});
    batch.bytes += text;
    inside_ = !ends_document;
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
    if (pending_.size() - at_ > options_.max_line)
        fail("{}:{}: the line is longer than {} MiB: a line must be one JSON object", files_[file_].path.string(),
             line_ + 1, options_.max_line >> 20);
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
    if (end >= limit && pending_.size() - at_ <= options_.max_line) return false;
    emit(batch, std::min(end, limit), false);
    return true;
}

}  // namespace puna
