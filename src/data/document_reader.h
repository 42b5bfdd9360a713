// data/document_reader.h — cuts files into pieces that can be tokenized apart, in order, a bounded batch at a time.
//
//   DocumentReader reader(find_input_files(paths), {.separator = "<|endoftext|>"});
//   while (std::optional<PieceBatch> batch = reader.next()) ...
//
// A line of JSONL is a piece and a document. A text file is one document, or several where it has lines that are
// exactly the separator; a long one comes in pieces, cut where no token reaches across. A byte order mark is left out.
// Memory does not grow with the files. Throws Error with the path, and the line where there are lines; what is not text
// is rejected (data/text_kind.h), bytes of a text that are not UTF-8 are kept, with a warning in the log.
#pragma once
#include "data/byte_stream.h"
#include "data/input_files.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Piece {
    size_t begin, size;  // in the bytes of its batch
    size_t file;         // number
    int64_t line;        // of JSONL, from 1; 0: of a text
    bool ends_document;
};

struct PieceBatch {
    std::string bytes;
    std::vector<Piece> pieces;
    std::string_view text(const Piece& piece) const { return std::string_view(bytes).substr(piece.begin, piece.size); }
};

struct ReadOptions {
    std::string separator = "<|endoftext|>";
    size_t batch_bytes = 16 << 20;
    size_t piece_bytes = 256 << 10;  // longer texts are cut
    size_t longest_line = 64 << 20;  // of JSONL; also the longest text without a place to cut
};

class DocumentReader {
 public:
    DocumentReader(std::vector<InputFile> files, const ReadOptions& options);

    std::optional<PieceBatch> next();  // empty at the end
    const std::vector<InputFile>& files() const { return files_; }
    uint64_t hash(size_t file) const { return hashes_[file]; }  // of a file that was read to its end
    int64_t consumed() const { return consumed_; }              // bytes of files

 private:
    void open();
    void close();
    void read_more();
    void check_text();
    void cut_lines(PieceBatch& batch);
    void cut_text(PieceBatch& batch);
    bool cut_document(PieceBatch& batch);
    bool cut_piece(PieceBatch& batch);
    void take(PieceBatch& batch, size_t end, bool ends_document);

    std::vector<InputFile> files_;
    ReadOptions options_;
    std::vector<uint64_t> hashes_;
    std::optional<ByteStream> stream_;
    size_t file_ = 0;                   // the one that is open, or is to be opened next
    int64_t consumed_ = 0, line_ = 0;   // lines that were taken
    int64_t pieces_ = 0;                // of this file
    std::string pending_;               // what was read; from at_ on it was not taken yet
    size_t at_ = 0, scanned_ = 0;       // no separator begins in at_ .. scanned_
    bool at_end_ = false;               // of the file
    size_t checked_ = 0;                // of pending_: known to be text
    size_t text_bytes_ = 0;             // of the file, decompressed and checked
    std::optional<size_t> invalid_at_;  // of the first byte that is not UTF-8
    bool inside_ = false;               // the document has pieces already
};

}  // namespace puna
