#include "data/pack.h"

#include "chat/template_files.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "data/piece_encoder.h"
#include "data/set_writer.h"
#include "tokenizer/files.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <deque>
#include <future>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr size_t max_document_tokens = 1 << 24;  // tokens; what follows is another document, so that memory is bounded

// A folder that appears under its name when it is complete.
class NewFolder {
 public:
    explicit NewFolder(const fs::path& path) : path_(path), temporary_(path) {
        std::error_code ignored;
        if (fs::exists(path_, ignored) && !(fs::is_directory(path_, ignored) && fs::is_empty(path_, ignored)))
            fail("{}: is there already: remove it, or name another folder", path_.string());
        remove_leftovers();
        temporary_ += fmt::format(".{}.new", ::getpid());
        make_folder(temporary_);
    }
    ~NewFolder() {
        std::error_code ignored;
        if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
    }
    NewFolder(const NewFolder&) = delete;

    const fs::path& path() const { return temporary_; }
    void commit() {
        rename_durably(temporary_, path_);
        temporary_.clear();
    }

 private:
    // Of packings into the same folder that were killed: their process is gone.
    void remove_leftovers() const {
        std::error_code ignored;
        fs::path parent = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
        for (const fs::directory_entry& entry : fs::directory_iterator(parent, ignored)) {
            fs::path name = entry.path().filename();
            if (name.extension() != ".new" || name.stem().stem() != path_.filename()) continue;
            std::string number = name.stem().extension().string();  // ".123"
            int process = number.empty() ? 0 : std::atoi(number.c_str() + 1);
            if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) fs::remove_all(entry.path(), ignored);
        }
    }

    fs::path path_, temporary_;
};

struct TokenDocument {
    std::vector<int32_t> ids;
    std::vector<uint8_t> learnt;  // of a conversation
    size_t source = 0;
    int64_t bytes = 0;
    bool held_out = false;
};

// Takes encoded pieces in order, makes documents of them and writes those where they belong.
class Packer {
 public:
    Packer(const fs::path& folder, const Tokenizer& tokenizer, const ChatTemplateText& chat, const PackOptions& options)
        : folder_(folder), tokenizer_(tokenizer), chat_(chat), options_(options) {}

    void add(const PieceBatch& batch, const EncodedPieces& run, const std::vector<InputFile>& files) {
        std::span<const int32_t> ids = run.ids;
        std::span<const uint8_t> learnt = run.learnt;
        for (const EncodedPiece& encoded : run.pieces) {
            if (is_full()) return;
            const Piece& piece = batch.pieces[encoded.piece];
            settle_contents(encoded.conversation, files[piece.file], piece.line);
            if (!inside_) begin(piece, encoded.hash);
            append(ids.first(encoded.ids), learnt.first(encoded.conversation ? encoded.ids : 0));
            document_.bytes += encoded.bytes;
            ids = ids.subspan(encoded.ids);
            if (encoded.conversation) learnt = learnt.subspan(encoded.ids);
            inside_ = !piece.ends_document;
            if (!inside_) end();
        }
    }

    bool is_full() const { return options_.max_documents > 0 && documents_ >= options_.max_documents; }

    PackResult finish(const std::vector<Source>& sources) {
        for (TokenDocument& document : last_) write(validation_, folder_ / "validation", document);
        if (!training_)
            fail("{}: no documents to train on: all {} are held out; give more text, or hold out less", options_.output,
                 documents_);
        PackResult result;
        if (validation_) result.validation = validation_->finish(sources);
        result.training = training_->finish(sources);
        return result;
    }

 private:
    void settle_contents(bool conversation, const InputFile& file, int64_t line) {
        if (!conversations_) conversations_ = conversation;
        if (*conversations_ == conversation) return;
        std::string place = line > 0 ? fmt::format("{}:{}", file.path.string(), line) : file.path.string();
        fail("{}: {}: make a set of each", place,
             conversation ? "a conversation among texts" : "a text among conversations");
    }

    void begin(const Piece& piece, uint64_t hash) {
        bool held_out =
            options_.validation_share > 0 && static_cast<double>(hash >> 11) * 0x1p-53 < options_.validation_share;
        document_ = {.source = piece.file, .held_out = held_out};
        if (!*conversations_) document_.ids.push_back(tokenizer_.begin_of_text());
    }

    void append(std::span<const int32_t> ids, std::span<const uint8_t> learnt) {
        document_.ids.insert(document_.ids.end(), ids.begin(), ids.end());
        document_.learnt.insert(document_.learnt.end(), learnt.begin(), learnt.end());
        if (*conversations_ || document_.ids.size() < max_document_tokens) return;
        TokenDocument rest{.source = document_.source, .held_out = document_.held_out};
        route(std::exchange(document_, std::move(rest)));
    }

    void end() {
        if (!*conversations_) document_.ids.push_back(tokenizer_.end_of_text());
        ++documents_;
        route(std::move(document_));
    }

    void route(TokenDocument document) {
        if (document.held_out) return write(validation_, folder_ / "validation", document);
        last_.push_back(std::move(document));
        if (static_cast<int64_t>(last_.size()) <= options_.hold_out_last) return;
        write(training_, folder_, last_.front());
        last_.pop_front();
    }

    void write(std::optional<SetWriter>& writer, const fs::path& folder, const TokenDocument& document) {
        if (!writer)
            writer.emplace(folder, tokenizer_, chat_, SetOptions{*conversations_, options_.shard_megabytes << 20});
        writer->add(document.ids, document.learnt, document.source, document.bytes);
    }

    fs::path folder_;
    const Tokenizer& tokenizer_;
    const ChatTemplateText& chat_;
    const PackOptions& options_;
    std::optional<SetWriter> training_, validation_;
    std::optional<bool> conversations_;  // what the set holds: known from the first document on
    TokenDocument document_;             // the one that grows
    bool inside_ = false;                // it has begun
    int64_t documents_ = 0;
    std::deque<TokenDocument> last_;  // perhaps to be held out
};

// "packed/" is "packed".
fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

}  // namespace

void check_options(const PackOptions& options) {
    if (options.output.empty()) fail("--output is missing: name the folder to make");
    if (options.tokenizer.empty()) fail("--tokenizer is missing: name a model's folder or a tokenizer.json");
    if (!(options.validation_share >= 0 && options.validation_share < 1))
        fail("--validation-share: {} is not a share: use 0 to 1", options.validation_share);
    if (options.hold_out_last < 0 || options.max_documents < 0)
        fail("--hold-out-last and --max-documents: use 0 or more");
    if (options.max_documents > 0 && options.hold_out_last >= options.max_documents)
        fail("--hold-out-last: {} of at most {} documents leave none to train on", options.hold_out_last,
             options.max_documents);
    if (options.shard_megabytes < 1 || options.shard_megabytes > 1024) fail("--shard-megabytes: use 1 to 1024");
}

PackResult pack(const PackOptions& options) {
    check_options(options);
    Tokenizer tokenizer = load_tokenizer(options.tokenizer);
    ChatTemplateText chat = find_chat_template(options.tokenizer, tokenizer);
    std::vector<InputFile> files = find_input_files(options.inputs);
    NewFolder folder(without_slash(options.output));
    Packer packer(folder.path(), tokenizer, chat, options);
    BatchEncoder encoder(tokenizer, chat, files, {options.text_field, options.date, options.validation_share > 0});
    ReadOptions read{.separator = options.separator};
    if (tokenizer.added_tokens().crosses_lines()) read.piece_bytes = read.longest_line;  // tokens where it would cut
    DocumentReader reader(files, read);

    int64_t total = 0, done = 0;
    for (const InputFile& file : files) total += file.size;
    Progress progress("packing", total, "B");
    auto read_next = [&reader] { return std::async(std::launch::async, [&reader] { return reader.next(); }); };
    auto coming = read_next();
    while (std::optional<PieceBatch> batch = coming.get()) {
        progress.advance(reader.consumed() - std::exchange(done, reader.consumed()));
        coming = read_next();
        for (const EncodedPieces& run : encoder.encode(*batch)) packer.add(*batch, run, files);
        if (packer.is_full()) break;
    }
    if (coming.valid()) coming.wait();

    std::vector<Source> sources;
    for (size_t i = 0; i < files.size(); ++i)
        sources.push_back({.name = files[i].path.string(), .hash = reader.hash(i)});
    PackResult result = packer.finish(sources);
    for (const InputFile& file : files) (file.jsonl ? result.any_jsonl : result.any_text) = true;
    result.dated = result.training.conversations && shows_date(chat);
    folder.commit();
    return result;
}

std::vector<std::string> notes_on(const PackOptions& options, const PackResult& result,
                                  const std::function<bool(std::string_view field)>& named) {
    std::vector<std::string> notes;
    auto note = [&notes](bool holds, std::string line) {
        if (holds) notes.push_back(std::move(line));
    };
    const SetIndex& training = result.training;
    note(named("separator") && !result.any_text, "separator: has no effect, there is no text file among the inputs");
    note(named("text_field") && !result.any_jsonl, "text_field: has no effect, there is no JSONL among the inputs");
    note(named("text_field") && result.any_jsonl && training.conversations,
         "text_field: has no effect, the inputs are conversations");
    note(named("date") && !result.dated, "date: has no effect, no prompt names one");
    note(
        options.validation_share > 0 && !result.validation,
        fmt::format("validation_share: there is no validation set, none of the {} documents fell into the share of {}; "
                    "hold_out_last takes the last ones",
                    training.documents, options.validation_share));
    note(training.trained == 0, "training: nothing in it is to be learned, no message of an assistant is in the loss");
    note(result.validation && result.validation->trained == 0,
         "validation: nothing in it is to be learned, so no loss can be measured on it");
    return notes;
}

}  // namespace puna
