// data/piece_encoder.h — tokenizes the pieces of a batch (data/document_reader.h) on all cores.
//
//   BatchEncoder encoder(tokenizer, chat, files, split, {.text_field = "text"});
//   std::vector<EncodedPieces> runs = encoder.encode(batch, bad);     // in the order of the batch
//
// Records that cannot be read are added to `bad` in batch order, with those that the reader found: if they are errors,
// the first one is thrown, on any number of threads.
#pragma once
#include "chat/chat_template.h"
#include "data/document_reader.h"
#include "data/validation_split.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace puna {

// A piece, or the part of it that is on one side; nothing of what is dropped.
struct EncodedPiece {
    size_t ids;         // number of ids
    size_t piece;       // index in the batch
    bool conversation;  // complete, with control tokens; otherwise text without any
    int64_t bytes;      // of text
    uint64_t hash;      // of the content (data/text_hash.h), if EncodeOptions::hash is set
    Side side;
    bool ends, complete;  // as TextPart's (data/validation_split.h)
};

struct EncodedPieces {  // consecutive
    std::vector<int32_t> ids;
    std::vector<uint8_t> loss_mask;  // one per id of a conversation
    std::vector<EncodedPiece> pieces;
    std::vector<BadPiece> bad;
    std::string note;  // the first Prompt::note, with its place
};

struct EncodeOptions {
    std::string text_field, date;
    bool hash = false;
};

class BatchEncoder {
 public:
    // chat: for conversations; parsed at the first one. All arguments must outlive the encoder.
    BatchEncoder(const Tokenizer& tokenizer, const ChatTemplateText& chat, const std::vector<InputFile>& files,
                 const ValidationSplit& split, const EncodeOptions& options);
    ~BatchEncoder();

    std::vector<EncodedPieces> encode(const PieceBatch& batch, BadInputs& bad);

 private:
    class Worker;
    EncodedPieces encode_run(const PieceBatch& batch, size_t first, size_t last);
    std::unique_ptr<Worker> acquire();
    void release(std::unique_ptr<Worker> worker);
    const ChatTemplate& chat_template();

    const Tokenizer& tokenizer_;
    const ChatTemplateText& chat_text_;
    const std::vector<InputFile>& files_;
    const ValidationSplit& split_;
    EncodeOptions options_;
    std::mutex mutex_;
    std::optional<ChatTemplate> chat_;
    bool noted_ = false;
    std::vector<std::unique_ptr<Worker>> idle_;  // reused: each caches words
};

}  // namespace puna
