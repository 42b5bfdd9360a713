#include "data/piece_encoder.h"

#include "chat/encode.h"
#include "core/error.h"
#include "core/threads.h"
#include "data/jsonl.h"
#include "data/text_hash.h"
#include "data/text_kind.h"
#include "tokenizer/encoder.h"

#include <optional>

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

    void encode_text(EncodedPieces& run, size_t piece, std::string_view text) {
        std::vector<int32_t> ids = encoder_.encode(text);
        run.ids.insert(run.ids.end(), ids.begin(), ids.end());
        uint64_t hash = batch_.options_.hash ? hash_text(text) : 0;
        run.pieces.push_back({ids.size(), piece, false, static_cast<int64_t>(text.size()), hash});
    }

    void encode_line(EncodedPieces& run, size_t piece, std::string_view line, const std::string& location) {
        JsonlDocument document = parse_jsonl(line, location, batch_.options_.text_field);
        if (document.messages.empty()) {
            if (!is_blank(document.text)) encode_text(run, piece, document.text);
            return;
        }
        ChatTokens tokens = encode_conversation(document, location);
        run.ids.insert(run.ids.end(), tokens.ids.begin(), tokens.ids.end());
        run.loss_mask.insert(run.loss_mask.end(), tokens.loss_mask.begin(), tokens.loss_mask.end());
        int64_t bytes = 0;
        for (const Message& message : document.messages)
            bytes += message.tool_calls.empty() ? std::ssize(text_of(message)) : 0;
        uint64_t hash = batch_.options_.hash ? hash_conversation(document.messages) : 0;
        run.pieces.push_back({tokens.ids.size(), piece, true, bytes, hash});
    }

 private:
    ChatTokens encode_conversation(const JsonlDocument& document, const std::string& location) {
        try {
            return encode_prompt(
                encoder_,
                render_training_prompt(
                    batch_.chat_template(), batch_.tokenizer_, document.messages,
                    {.tools = document.tools, .variables = document.variables, .date = batch_.options_.date}));
        } catch (const Error& problem) {
            rethrow_with(location, problem);
        }
    }

    BatchEncoder& batch_;
    Encoder encoder_;
};

BatchEncoder::BatchEncoder(const Tokenizer& tokenizer, const ChatTemplateText& chat,
                           const std::vector<InputFile>& files, const EncodeOptions& options)
    : tokenizer_(tokenizer), chat_text_(chat), files_(files), options_(options) {}
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

std::vector<EncodedPieces> BatchEncoder::encode(const PieceBatch& batch) {
    std::vector<size_t> begins = begins_of_runs(batch);
    std::vector<EncodedPieces> runs(begins.size() - 1);
    std::vector<std::optional<Error>> problems(runs.size());
    parallel_for(static_cast<int64_t>(runs.size()), [&](int64_t i) {
        size_t run = static_cast<size_t>(i);
        try {
            runs[run] = encode_run(batch, begins[run], begins[run + 1]);
        } catch (const Error& problem) {
            problems[run] = problem;
        }
    });
    for (const std::optional<Error>& problem : problems)
        if (problem) throw *problem;
    return runs;
}

EncodedPieces BatchEncoder::encode_run(const PieceBatch& batch, size_t first, size_t last) {
    EncodedPieces run;
    run.ids.reserve(2 * run_bytes / 3);
    std::unique_ptr<Worker> worker = acquire();
    for (size_t i = first; i < last; ++i) {
        const Piece& piece = batch.pieces[i];
        const InputFile& file = files_[piece.file];
        if (file.jsonl)
            worker->encode_line(run, i, batch.text(piece), fmt::format("{}:{}", file.path.string(), piece.line));
        else
            worker->encode_text(run, i, batch.text(piece));
    }
    release(std::move(worker));
    return run;
}

}  // namespace puna
