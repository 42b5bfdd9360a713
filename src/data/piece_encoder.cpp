#include "data/piece_encoder.h"

#include "chat/encode.h"
#include "core/error.h"
#include "core/log.h"
#include "core/threads.h"
#include "data/record.h"
#include "data/text_hash.h"
#include "data/text_kind.h"
#include "tokenizer/encoder.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace puna {

namespace {

constexpr size_t run_bytes = 128 << 10;  // of text per task

// The first piece of each run, and at the end the number of pieces.
std::vector<size_t> begins_of_runs(const PieceBatch& batch) {
    std::vector<size_t> begins;
    size_t size = run_bytes;
    for (size_t i = 0; i < batch.pieces.size(); ++i) {
        if (size >= run_bytes) {
            begins.push_back(i);
            size = 0;
        }
        size += batch.pieces[i].size;
    }
    begins.push_back(batch.pieces.size());
    return begins;
}

}  // namespace

class BatchEncoder::Worker {
 public:
    explicit Worker(BatchEncoder& batch) : batch_(batch), encoder_(batch.tokenizer_) {}

    void encode_text(EncodedPieces& run, size_t index, const Piece& piece, std::string_view text) {
        uint64_t hash = batch_.options_.hash ? hash_text(text) : 0;
        Stretch stretch{piece.document, piece.offset, hash, text, piece.ends_document};
        for (const TextPart& part : batch_.split_.cut(stretch)) {
            if (part.side == Side::dropped) continue;
            bool begins = piece.offset == 0 && part.text.data() == text.data();
            std::vector<int32_t> ids = encoder_.encode(part.text, begins ? Preceding::nothing : Preceding::text);
            run.ids.insert(run.ids.end(), ids.begin(), ids.end());
            run.pieces.push_back(
                {ids.size(), index, false, std::ssize(part.text), hash, part.side, part.ends, part.complete});
        }
    }

    // Throws BadInput if the record cannot be read, Error if the chat template cannot.
    void encode_record(EncodedPieces& run, size_t index, const Piece& piece, std::string_view json,
                       const InputFile& file) {
        std::string place = place_of(piece, file), path = file.path.string();
        Record record = read_record(json, place, path, batch_.options_.text_field);
        if (!record.conversation) {
            if (!is_blank(record.text)) encode_text(run, index, piece, record.text);
            return;
        }
        const TrainingConversation& conversation = *record.conversation;
        ChatTokens tokens = encode_conversation(run, conversation, place, path);
        run.ids.insert(run.ids.end(), tokens.ids.begin(), tokens.ids.end());
        run.loss_mask.insert(run.loss_mask.end(), tokens.loss_mask.begin(), tokens.loss_mask.end());
        uint64_t hash = batch_.options_.hash ? hash_conversation(conversation.messages) : 0;
        run.pieces.push_back(
            {tokens.ids.size(), index, true, text_bytes(record), hash, batch_.split_.side_of(hash), true, true});
    }

 private:
    ChatTokens encode_conversation(EncodedPieces& run, const TrainingConversation& conversation,
                                   const std::string& place, const std::string& path) {
        const ChatTemplate& chat = batch_.chat_template();
        try {
            Prompt prompt = render_training_prompt(
                chat, batch_.tokenizer_, conversation.messages,
                {.tools = conversation.tools, .variables = conversation.variables, .date = batch_.options_.date});
            if (!prompt.note.empty() && run.note.empty()) run.note = fmt::format("{}: {}", place, prompt.note);
            return encode_prompt(encoder_, prompt);
        } catch (const Error& problem) {
            throw BadInput(Error(place, problem), path, BadInput::record);
        }
    }

    BatchEncoder& batch_;
    Encoder encoder_;
};

BatchEncoder::BatchEncoder(const Tokenizer& tokenizer, const ChatTemplateText& chat,
                           const std::vector<InputFile>& files, const ValidationSplit& split,
                           const EncodeOptions& options)
    : tokenizer_(tokenizer), chat_text_(chat), files_(files), split_(split), options_(options) {}
BatchEncoder::~BatchEncoder() = default;

// Parsed lazily: a tokenizer without a template can still pack text.
const ChatTemplate& BatchEncoder::chat_template() {
    std::lock_guard lock(mutex_);
    if (!chat_) chat_.emplace(chat_text_);
    return *chat_;
}

std::unique_ptr<BatchEncoder::Worker> BatchEncoder::acquire() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Worker>(*this);
    std::unique_ptr<Worker> worker = std::move(idle_.back());
    idle_.pop_back();
    return worker;
}

void BatchEncoder::release(std::unique_ptr<Worker> worker) {
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
}

std::vector<EncodedPieces> BatchEncoder::encode(const PieceBatch& batch, BadInputs& bad) {
    std::vector<size_t> begins = begins_of_runs(batch);
    std::vector<EncodedPieces> runs(begins.size() - 1);
    parallel_for(static_cast<int64_t>(runs.size()), [&](int64_t i) {
        size_t run = static_cast<size_t>(i);
        runs[run] = encode_run(batch, begins[run], begins[run + 1]);
    });
    for (const EncodedPieces& run : runs)
        if (!run.note.empty() && !std::exchange(noted_, true)) log_warning("{}", run.note);
    std::vector<BadPiece> all;
    for (const EncodedPieces& run : runs) all.insert(all.end(), run.bad.begin(), run.bad.end());
    report_in_order(batch, all, bad);
    return runs;
}

EncodedPieces BatchEncoder::encode_run(const PieceBatch& batch, size_t first, size_t last) {
    EncodedPieces run;
    run.ids.reserve(2 * run_bytes / 3);
    std::unique_ptr<Worker> worker = acquire();
    for (size_t i = first; i < last; ++i) {
        const Piece& piece = batch.pieces[i];
        const InputFile& file = files_[piece.file];
        try {
            if (file.is_text())
                worker->encode_text(run, i, piece, batch.text(piece));
            else
                worker->encode_record(run, i, piece, batch.text(piece), file);
        } catch (const BadInput& problem) {
            run.bad.push_back({i, problem});
        }
    }
    release(std::move(worker));
    return run;
}

}  // namespace puna
