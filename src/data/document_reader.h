// data/document_reader.h — splits files into independently tokenizable pieces, in order, in batches of bounded size.
//
//   DocumentReader reader(find_input_files(paths), {.separator = "<|endoftext|>"});
//   while (std::optional<PieceBatch> batch = reader.next())
//       for (const Piece& piece : batch->pieces) std::string_view text = batch->text(piece);
//
// A line of JSONL and an item of a .json file are one piece and one document each: a record (data/record.h). A text
// file is one document, or several if it has lines that equal the separator; a long document is split into pieces where
// no token can span the boundary. What a pipe holds is known by its content: a name has nothing to tell. Texts become
// UTF-8 (data/utf8_stream.h), and a byte order mark is no part of them. Memory does not grow with the files. What
// cannot be read is no error here: it is in `bad`, and reading goes on behind it.
#pragma once
#include "data/bad_input.h"
#include "data/input_files.h"
#include "data/json_splitter.h"
#include "data/line_filter.h"
#include "data/utf8_stream.h"
#include "tokenizer/split.h"
#include "tokenizer/subword_encoder.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Piece {
    size_t begin, size;  // in PieceBatch::bytes
    size_t file;         // index into files()
    int64_t line, item;  // of a record, as JsonSplitter::Record; of a text 0 and -1
    int64_t document;    // ascending over all files
    int64_t offset;      // in its document
    bool ends_document;
};

struct BadPiece {
    size_t piece;  // index in the batch: of this one, or of the first after it
    BadInput problem;
};

struct PieceBatch {
    std::string bytes;
    std::vector<Piece> pieces;
    std::vector<BadPiece> bad;
    std::string_view text(const Piece& piece) const { return std::string_view(bytes).substr(piece.begin, piece.size); }
};

// Adds those of the batch and others, found later, to `bad` in the order of their pieces.
void report_in_order(const PieceBatch& batch, std::span<const BadPiece> others, BadInputs& bad);

std::string place_of(const Piece& piece, const InputFile& file);  // for messages: "talk.jsonl:17", "novel.txt"

struct ReadOptions {
    std::string separator = "<|endoftext|>", encoding = {};
    size_t batch_bytes = 16 << 20;
    size_t piece_bytes = 256 << 10;  // longer texts are split
    size_t max_record = 64 << 20;    // also the longest text without a split point
    SafeCut find_cut = safe_cut;     // finds the split points: the tokenizer's
    bool log = true;                 // what encodings were found
    CheckStop check_stop = {};       // called while an input is silent; may throw
};

class DocumentReader {
 public:
    DocumentReader(std::vector<InputFile> files, const ReadOptions& options);

    std::optional<PieceBatch> next();                               // empty at the end
    const std::vector<InputFile>& files() const { return files_; }  // a pipe's format: once pieces of it were read
    uint64_t hash(size_t file) const { return hashes_[file]; }      // valid once the file was read to its end
    int64_t consumed() const { return consumed_; }                  // bytes read from all files

 private:
    const InputFile& file() const { return files_[file_]; }
    std::string path() const { return file().path.string(); }
    void read_part(PieceBatch& batch);
    void open();
    void recognize_json();
    void close(PieceBatch& batch);
    void give_up(PieceBatch& batch, const Error& problem, bool encoding);
    void add_bad(PieceBatch& batch, const Error& problem, BadInput::Extent extent, bool encoding);
    void read_more();
    void check_text(PieceBatch& batch);
    void split_lines(PieceBatch& batch);
    void split_json(PieceBatch& batch);
    void split_text(PieceBatch& batch);
    bool split_document(PieceBatch& batch);
    bool split_piece(PieceBatch& batch);
    void emit(PieceBatch& batch, size_t end, bool ends_document);
    void add_piece(PieceBatch& batch, std::string_view text, bool ends_document);

    std::vector<InputFile> files_;
    ReadOptions options_;
    std::vector<uint64_t> hashes_;
    size_t file_ = 0;  // the one that is open or comes next
    int64_t consumed_ = 0;
    int64_t document_ = 0, offset_ = 0;  // where the next piece begins
    // Of the open file:
    std::optional<Utf8Stream> stream_;
    std::string pending_;               // what was read; from at_ on it is not consumed
    size_t at_ = 0, scanned_ = 0;       // no separator begins in at_ .. scanned_
    bool at_end_ = false;               // all is in pending_
    bool inside_ = false;               // the current document already has pieces
    bool any_bad_ = false;              // something in it could not be read
    int64_t pieces_ = 0;                // so far
    int64_t line_ = 0, item_ = -1;      // of the current record
    LineFilter lines_;                  // of a text
    std::optional<JsonSplitter> json_;  // of a .json file
};

}  // namespace puna
