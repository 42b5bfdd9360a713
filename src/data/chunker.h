// data/chunker.h — cuts a document into chunks whose ends depend only on the text around them, so that a copy of the
// text elsewhere has the same chunks, wherever it begins.
//
//   Chunker chunker;
//   std::vector<Chunk> chunks;
//   chunker.add("It was a dark ", chunks);           // the document, in parts of any size
//   chunker.add("and stormy night.", chunks);
//   chunker.finish(chunks);
//
// A chunk has about 1 KiB. A hash of the last 64 bytes selects points; a chunk ends at the first paragraph after one,
// or if there is none within 512 bytes at the next line, after 512 more at the next sentence, then at a space, and at
// last between two characters. White space counts neither for these sizes nor for a chunk's hash, so line endings and
// indentation do not matter. The first and last chunks of a copy may differ, and those beside a change.
//
// Content-defined chunking with a gear hash: Xia et al., Ddelta, 2014.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace puna {

struct Chunk {
    int64_t end;    // in bytes of the document; a chunk begins at the end of the one before
    uint64_t hash;  // of the content, without white space
};

class Chunker {
 public:
    void add(std::string_view text, std::vector<Chunk>& chunks);  // appends the chunks that have ended
    void finish(std::vector<Chunk>& chunks);                      // appends the last chunk

    int64_t bytes() const { return bytes_; }                        // of the document so far
    int64_t dense_bytes() const { return dense_ + content_.size; }  // of these, without white space

 private:
    struct Content {  // without white space
        int64_t size = 0;
        uint64_t gear = 0, hash = 0;
        uint32_t recent = 0;  // the last four bytes
        void add(unsigned char byte);
    };
    struct WhiteSpace {
        int64_t begin, line;  // where it and its last line begin
        int newlines;
    };
    enum Break { in_word, space, sentence, line, paragraph };  // between two characters, weakest first

    size_t find_point(std::string_view text, size_t at);
    size_t find_end(std::string_view text, size_t at, std::vector<Chunk>& chunks);
    Break break_before(unsigned char byte) const;
    std::optional<int64_t> end_before(unsigned char byte, int64_t offset) const;
    void end_chunk(int64_t end, std::vector<Chunk>& chunks);
    void add_space(unsigned char byte, int64_t offset);

    int64_t bytes_ = 0;                      // of the parts before
    int64_t dense_ = 0;                      // of the chunks before, without white space
    Content content_;                        // of this chunk
    int64_t since_point_ = -1;               // bytes of content after the selected point; -1: none yet
    std::optional<WhiteSpace> white_space_;  // after the content, once there is a point
};

}  // namespace puna
