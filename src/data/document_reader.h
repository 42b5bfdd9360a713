// data/document_reader.h — splits files into independently tokenizable pieces, in order, in batches of bounded size.
//
//   DocumentReader reader(find_input_files(paths), {.separator = "<|endoftext|>"});
//   while (std::optional<PieceBatch> batch = reader.next())
//       for (const Piece& piece : batch->pieces) std::string_view text = batch->text(piece);
//
// A line of JSONL is one piece and one document. A text file is one document, or several if it has lines that equal the
// separator; a long document is split into pieces where no token can span the boundary. A byte order mark is dropped.
// Memory does not grow with the files. Throws Error with the path, and with the line number for JSONL; files that are
// not text are rejected (data/text_kind.h), invalid UTF-8 is kept, with a warning in the log.
#pragma once
#include "data/byte_stream.h"
#include "data/input_files.h"
#include "tokenizer/split.h"
#include "tokenizer/subword_encoder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Piece {
    size_t begin, size;  // in PieceBatch::bytes
    size_t file;         // index into files()
    int64_t line;        // JSONL: from 1; text: 0
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
    size_t piece_bytes = 256 << 10;  // longer texts are split
    size_t max_line = 64 << 20;      // of JSONL; also the longest text without a split point
    SafeCut find_cut = safe_cut;     // finds the split points: the tokenizer's
};

class DocumentReader {
 public:
    DocumentReader(std::vector<InputFile> files, const ReadOptions& options);

    std::optional<PieceBatch> next();  // empty at the end
    const std::vector<InputFile>& files() const { return files_; }
    uint64_t hash(size_t file) const { return hashes_[file]; }  // valid once the file was read to its end
    int64_t consumed() const { return consumed_; }              // bytes read from all files

 private:
    void open();
    void close();
    void read_more();
    void check_text();
    void split_lines(PieceBatch& batch);
    void split_text(PieceBatch& batch);
    bool split_document(PieceBatch& batch);
    bool split_piece(PieceBatch& batch);
    void emit(PieceBatch& batch, size_t end, bool ends_document);

    std::vector<InputFile> files_;
    ReadOptions options_;
    std::vector<uint64_t> hashes_;
    std::optional<ByteStream> stream_;
    size_t file_ = 0;                   // the one that is open or comes next
    int64_t consumed_ = 0, line_ = 0;   // line_: lines consumed
    int64_t pieces_ = 0;                // of this file
    std::string pending_;               // bytes read; those from at_ on are not consumed
    size_t at_ = 0, scanned_ = 0;       // no separator begins in at_ .. scanned_
    bool at_end_ = false;               // of the file
    size_t checked_ = 0;                // prefix of pending_ that is known to be text
    size_t text_bytes_ = 0;             // of the file, decompressed and checked
    std::optional<size_t> invalid_at_;  // offset of the first invalid UTF-8
    bool inside_ = false;               // the current document already has pieces
};

}  // namespace puna
