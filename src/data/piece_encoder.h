// data/piece_encoder.h — the pieces of a batch (data/document_reader.h) as tokens, on all cores.
//
//   BatchEncoder encoder(tokenizer, chat, files, {.text_field = "text"});
//   for (const EncodedPieces& run : encoder.encode(batch))       // in the order of the batch
//
// Throws the Error of the first piece that is wrong, whichever thread met it.
#pragma once
#include "chat/chat_template.h"
#include "data/document_reader.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace puna {

struct EncodedPiece {
    size_t ids;         // how many
    size_t piece;       // of the batch
    bool conversation;  // whole, control tokens included; otherwise text without any
    int64_t bytes;      // of text
    uint64_t hash;      // of the content (data/text_hash.h), if EncodeOptions ask for it
};

struct EncodedPieces {  // neighbors
    std::vector<int32_t> ids;
    std::vector<uint8_t> learnt;  // of conversations
    std::vector<EncodedPiece> pieces;
};

struct EncodeOptions {
    std::string text_field, date;
    bool hash = false;
};

class BatchEncoder {
 public:
    // chat: for conversations; parsed when the first one comes. All outlive the encoder.
    BatchEncoder(const Tokenizer& tokenizer, const ChatTemplateText& chat, const std::vector<InputFile>& files,
                 const EncodeOptions& options);
    ~BatchEncoder();

    std::vector<EncodedPieces> encode(const PieceBatch& batch);

 private:
    class Worker;
    EncodedPieces encode_run(const PieceBatch& batch, size_t first, size_t last);
    std::unique_ptr<Worker> borrow();
    void give_back(std::unique_ptr<Worker> worker);
    const ChatTemplate& chat_template();

    const Tokenizer& tokenizer_;
    const ChatTemplateText& chat_text_;
    const std::vector<InputFile>& files_;
    EncodeOptions options_;
    std::mutex mutex_;
    std::optional<ChatTemplate> chat_;
    std::vector<std::unique_ptr<Worker>> idle_;  // they remember words
};

}  // namespace puna
