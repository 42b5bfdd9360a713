// data/validation_split.h — decides which text is held out for validation, once all documents have been surveyed.
//
//   SplitPlanner planner({.share = 0.1});
//   planner.add(0, document);                                    // in the order of their numbers
//   ValidationSplit split = planner.finish();
//   for (const TextPart& part : split.cut({.document = 0, .text = text, .ends_document = true})) use(part);
//
// A short document is held out whole if the hash of its content falls into the share, so that copies are on one side.
// Of a long one the last chunks (data/chunker.h) are held out, about its share. No such chunk is one of the training
// text: if the first chunks of a tail are also in the training text, of this or another document, the tail begins after
// them; further ones are dropped, with the chunks beside them, which means that they are in neither set. The memory
// needed is eight bytes for a chunk.
#pragma once
#include "data/chunker.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace puna {

// Of content without white space, so that copies with other line endings are of the same kind.
constexpr int64_t long_document_bytes = 32 << 10;

constexpr double min_tail_bytes = 3 << 10;  // where the share is less, some long documents have such a tail

struct SplitRule {
    double share = 0;                  // of the text, to be held out
    std::optional<int64_t> max_bytes;  // lowers the share for more text
    int64_t min_short_documents = 0;   // if there are fewer, all short documents are trained on
};

struct SurveyedDocument {
    int64_t bytes = 0;
    uint64_t hash = 0;             // of the content (data/text_hash.h)
    bool is_long = false;          // never for conversations, which are not cut
    std::vector<uint64_t> before;  // the hashes of chunks that end before possible_tail()
    std::vector<Chunk> chunks;     // the others
};

// The chunks that end up to here are in no tail of a document of this size.
int64_t possible_tail(double share, int64_t bytes);

enum class Side : uint8_t { training, validation, dropped };

// A piece of a document. offset: in the document.
struct Stretch {
    int64_t document = 0, offset = 0;
    uint64_t hash = 0;  // of the content of a short document
    std::string_view text;
    bool ends_document = false;
};

struct TextPart {
    std::string_view text;
    Side side;
    bool ends;      // what follows is on another side, or nothing follows
    bool complete;  // nothing follows
};

struct DocumentPart {
    int64_t document, end;  // end: in bytes of the document
    Side side;
};

struct SplitCounts {
    int64_t short_documents = 0;
    int64_t copied_bytes = 0;   // of tails, not held out because they are also in the training text
    int64_t dropped_bytes = 0;  // of these: in neither set
};

struct ValidationSplit {
    double short_share = 0;           // the share of short documents, by their hashes, that is held out
    std::vector<DocumentPart> parts;  // of long documents, in order
    SplitCounts counts;

    Side side_of(uint64_t hash) const;  // of a short document
    std::vector<TextPart> cut(const Stretch& stretch) const;
};

class SplitPlanner {
 public:
    explicit SplitPlanner(const SplitRule& rule) : rule_(rule) {}

    void add(int64_t number, SurveyedDocument document);
    ValidationSplit finish();

 private:
    struct LongDocument {
        int64_t number, bytes;
        double position;  // see position_of
        std::vector<Chunk> chunks;
        size_t tail = 0;  // the first chunk of its tail
    };
    struct ShortChunk {
        double position;  // of its document
        uint64_t hash;
    };

    void add_short(const SurveyedDocument& document);
    double short_share(double share) const;
    void add_parts(ValidationSplit& split, const LongDocument& document) const;
    bool is_copy(const LongDocument& document, size_t i) const;
    bool is_beside_copy(const LongDocument& document, size_t i) const;

    SplitRule rule_;
    int64_t bytes_ = 0, short_bytes_ = 0, short_documents_ = 0;
    std::array<int64_t, 1024> bytes_at_{};  // of short documents by their position, which may be held out
    std::vector<uint64_t> trained_;         // hashes of chunks
    std::vector<ShortChunk> undecided_;     // of short documents that may be held out
    std::vector<LongDocument> long_;
};

}  // namespace puna
