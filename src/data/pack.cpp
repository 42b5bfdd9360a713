#include "data/pack.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/fields.h"
#include "core/folders.h"
#include "core/overwrite.h"
#include "core/progress.h"
#include "data/piece_encoder.h"
#include "data/pipe_copies.h"
#include "data/read_batches.h"
#include "data/set_writer.h"
#include "data/survey.h"

#include <algorithm>
#include <deque>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr size_t max_document_tokens = 1 << 24;  // longer documents are split, to bound memory

struct TokenDocument {
    std::vector<int32_t> ids;
    std::vector<uint8_t> loss_mask;  // conversations only
    size_t source = 0;
    int64_t bytes = 0;
    uint64_t hash = 0;  // of the text (data/text_hash.h)
    bool held_out = false;
};

// Joins encoded pieces, in order, to documents and writes these to the training or validation set.
class Packer {
 public:
    Packer(const fs::path& folder, const Tokenizer& tokenizer, const ChatTemplateText& chat, const PackOptions& options)
        : folder_(folder), tokenizer_(tokenizer), chat_(chat), options_(options) {}

    void add(const PieceBatch& batch, const EncodedPieces& run, const std::vector<InputFile>& files) {
        std::span<const int32_t> ids = run.ids;
        std::span<const uint8_t> loss_mask = run.loss_mask;
        for (const EncodedPiece& encoded : run.pieces) {
            const Piece& piece = batch.pieces[encoded.piece];
            if (piece.document != number_ && !count_document(piece.document)) return;
            check_contents(encoded.conversation, piece, files[piece.file]);
            if (!inside_) begin(piece.file, encoded);
            append(ids.first(encoded.ids), loss_mask.first(encoded.conversation ? encoded.ids : 0));
            document_.bytes += encoded.bytes;
            ids = ids.subspan(encoded.ids);
            if (encoded.conversation) loss_mask = loss_mask.subspan(encoded.ids);
            inside_ = !encoded.ends;
            if (!inside_) end(encoded.complete);
        }
    }

    bool is_empty() const { return documents_ == 0; }
    bool is_full() const { return is_full_; }  // there are more than max_documents

    PackResult finish(const std::vector<Source>& sources) {
        int64_t copies = held_out_copies();
        for (TokenDocument& document : last_) write(validation_, folder_ / "validation", document);
        if (documents_ == 0)
            fail("{}{}: no text: all documents are empty or white space", options_.inputs.front(),
                 options_.inputs.size() > 1 ? fmt::format(" and {} more", options_.inputs.size() - 1) : "");
        if (!training_)
            fail("{}: no documents to train on: all {} are held out; add text or hold out less", options_.output,
                 documents_);
        PackResult result{.held_out_copies = copies};
        if (validation_) result.validation = validation_->finish(sources);
        result.training = training_->finish(sources);
        return result;
    }

 private:
    void check_contents(bool conversation, const Piece& piece, const InputFile& file) {
        if (!conversations_) conversations_ = conversation;
        if (*conversations_ == conversation) return;
        fail("{}: {}: pack them separately", place_of(piece, file),
             conversation ? "a conversation in a set of text" : "text in a set of conversations");
    }

    int64_t held_out_copies() {
        std::sort(training_hashes_.begin(), training_hashes_.end());
        return std::count_if(last_.begin(), last_.end(), [this](const TokenDocument& document) {
            return std::binary_search(training_hashes_.begin(), training_hashes_.end(), document.hash);
        });
    }

    bool count_document(int64_t number) {
        is_full_ = options_.max_documents > 0 && documents_ == options_.max_documents;
        if (is_full_) return false;
        number_ = number;
        ++documents_;
        return true;
    }

    void begin(size_t source, const EncodedPiece& first) {
        document_ = {.source = source, .hash = first.hash, .held_out = first.side == Side::validation};
        if (*conversations_) return;
        if (std::optional<int32_t> begin = tokenizer_.begin_of_text()) document_.ids.push_back(*begin);
    }

    void append(std::span<const int32_t> ids, std::span<const uint8_t> loss_mask) {
        document_.ids.insert(document_.ids.end(), ids.begin(), ids.end());
        document_.loss_mask.insert(document_.loss_mask.end(), loss_mask.begin(), loss_mask.end());
        if (*conversations_ || document_.ids.size() < max_document_tokens) return;
        TokenDocument rest{.source = document_.source, .hash = document_.hash, .held_out = document_.held_out};
        route(std::exchange(document_, std::move(rest)));
    }

    void end(bool complete) {
        if (!*conversations_ && complete) document_.ids.push_back(tokenizer_.end_of_text());
        route(std::move(document_));
    }

    void route(TokenDocument document) {
        if (document.held_out) return write(validation_, folder_ / "validation", document);
        last_.push_back(std::move(document));
        if (static_cast<int64_t>(last_.size()) <= options_.hold_out_last) return;
        if (options_.hold_out_last > 0) training_hashes_.push_back(last_.front().hash);
        write(training_, folder_, last_.front());
        last_.pop_front();
    }

    void write(std::optional<SetWriter>& writer, const fs::path& folder, const TokenDocument& document) {
        if (!writer)
            writer.emplace(folder, tokenizer_, chat_, SetOptions{*conversations_, options_.shard_megabytes << 20});
        writer->add(document.ids, document.loss_mask, document.source, document.bytes);
    }

    fs::path folder_;
    const Tokenizer& tokenizer_;
    const ChatTemplateText& chat_;
    const PackOptions& options_;
    std::optional<SetWriter> training_, validation_;
    std::optional<bool> conversations_;  // contents of the set, known after the first document
    TokenDocument document_;             // being assembled
    bool inside_ = false;                // document_ has begun
    int64_t number_ = -1;                // of the document of the inputs that it is from
    int64_t documents_ = 0;              // of the inputs
    bool is_full_ = false;
    std::deque<TokenDocument> last_;         // candidates to be held out
    std::vector<uint64_t> training_hashes_;  // with hold_out_last, to find copies of what is held out
};

constexpr SplitRule default_rule{.share = 0.1, .max_bytes = 16 << 20, .min_short_documents = 100};

SplitRule split_rule(const PackOptions& options) {
    if (options.validation_share) return {.share = *options.validation_share};
    return options.hold_out_last > 0 ? SplitRule{} : default_rule;
}

ReadOptions read_options(const PackOptions& options, const Tokenizer& tokenizer) {
    ReadOptions read{
        .separator = options.separator, .encoding = options.input.encoding, .find_cut = tokenizer.safe_cut()};
    if (tokenizer.added_tokens().crosses_lines())
        read.piece_bytes = read.max_record;  // a token could span a split point
    return read;
}

// Throws Error if a file is not what was surveyed.
std::vector<Source> check_sources(const DocumentReader& reader, const Survey& survey) {
    const std::vector<InputFile>& files = reader.files();
    std::vector<Source> sources;
    for (size_t i = 0; i < files.size(); ++i) {
        std::string name = files[i].path.string();
        uint64_t hash = reader.hash(i), before = survey.hashes.empty() ? 0 : survey.hashes[i];
        if (hash != 0 && before != 0 && hash != before) fail("{}: changed while it was being packed: pack again", name);
        sources.push_back({.name = name, .hash = hash});
    }
    return sources;
}

std::string bytes_text(int64_t bytes) { return format_quantity(static_cast<double>(bytes), "B"); }

std::string reason_for_no_validation(const PackOptions& options, const PackResult& result) {
    const SplitCounts& split = result.split;
    int64_t documents = result.training.documents;
    if (split.copied_bytes > 0) return "the ends of long documents are copies of training text; remove the copies";
    if (split.short_documents == 0) {
        double share = split_rule(options).share;
        if (share * static_cast<double>(result.training.bytes) < min_tail_bytes * static_cast<double>(documents))
            return fmt::format("the fraction {} of the text is too little to hold out; use a larger one", share);
        return "no place to cut was found in the text, which may repeat itself; pack another one for validation";
    }
    if (documents == 1)
        return result.training.conversations
                   ? "there is one conversation only; pack others for validation"
                   : "the end of a text is held out from 32 KiB on; use a longer text, or pack another one for "
                     "validation";
    std::string count = format_count(documents, result.training.conversations ? "conversation" : "document");
    if (!options.validation_share && split.short_documents < default_rule.min_short_documents)
        return count + " are too few to hold some out by default; hold out the last ones";
    return fmt::format("none of {} fell into the fraction {}; hold out the last ones instead", count,
                       split_rule(options).share);
}

}  // namespace

void check_options(const PackOptions& options) {
    check_options(options.input);
    if (options.separator.find_first_of("\r\n") != options.separator.npos)
        fail_value("separator", "must be one line, without line breaks: no line can equal it");
    if (options.max_documents > 0 && options.hold_out_last >= options.max_documents)
        fail_value("hold_out_last", "{} of at most {} documents leave none to train on", options.hold_out_last,
                   options.max_documents);
}

namespace {

PackResult pack_files(std::vector<InputFile> files, const fs::path& folder, const PackOptions& options,
                      const Tokenizer& tokenizer, const ChatTemplateText& chat, BadInputs& bad,
                      const CheckStop& check_stop) {
    ReadOptions read = read_options(options, tokenizer);
    read.check_stop = check_stop;
    SplitRule rule = split_rule(options);
    std::optional<PipeCopies> copies;
    Survey survey;
    if (rule.share > 0) {
        copies.emplace(files, folder / "inputs", check_stop);
        survey = survey_documents(
            files, read, {options.input.text_field, options.input.skip_bad, options.max_documents, rule, check_stop});
    }
    Packer packer(folder, tokenizer, chat, options);
    bool hash = survey.split.short_share > 0 || options.hold_out_last > 0;
    DocumentReader reader(std::move(files), read);
    BatchEncoder encoder(tokenizer, chat, reader.files(), survey.split, {options.input.text_field, options.date, hash});
    read_batches(reader, "packing", [&](const PieceBatch& batch) {
        check_stop();
        for (const EncodedPieces& run : encoder.encode(batch, bad)) packer.add(batch, run, reader.files());
        return !packer.is_full();
    });
    check_stop();
    std::vector<Source> sources = check_sources(reader, survey);
    bad.log_totals();
    if (packer.is_empty()) bad.fail_if_any();
    PackResult result = packer.finish(sources);
    result.skipped = bad.skipped();
    result.split = survey.split.counts;
    for (const InputFile& file : reader.files()) (file.is_text() ? result.any_text : result.any_json) = true;
    result.dated = result.training.conversations && shows_date(chat);
    return result;
}

}  // namespace

PackResult pack(const PackOptions& options, const Tokenizer& tokenizer, const ChatTemplateText& chat) {
    BadInputs bad(options.input.skip_bad);
    return pack(options, tokenizer, chat, bad);
}

PackResult pack(const PackOptions& options, const Tokenizer& tokenizer, const ChatTemplateText& chat, BadInputs& bad,
                const std::function<bool()>& stop) {
    check_options(options);
    std::vector<InputFile> files = find_input_files(options.inputs, bad);
    check_overwrite(options.output, {"a packed set", is_packed_set}, options.force);
    NewFolder folder(options.output);
    CheckStop check_stop = [&stop] {
        if (stop()) throw PackStopped();
    };
    PackResult result = pack_files(std::move(files), folder.path(), options, tokenizer, chat, bad, check_stop);
    check_stop();
    options.force ? folder.replace() : folder.commit();
    return result;
}

std::vector<FieldNote> notes_on(const PackOptions& options, const PackResult& result,
                                const std::function<bool(std::string_view field)>& named) {
    std::vector<FieldNote> notes;
    auto note = [&notes](bool condition, const char* field, std::string text) {
        if (condition) notes.push_back({field, std::move(text)});
    };
    const SetIndex& training = result.training;
    note(named("separator") && !result.any_text, "separator", "has no effect, no input is a text file");
    note(named("text_field") && !result.any_json, "text_field", "has no effect, no input is JSON");
    note(named("text_field") && result.any_json && training.conversations, "text_field",
         "has no effect, the inputs are conversations");
    note(named("date") && !result.dated, "date", "has no effect, no prompt contains a date");
    note(split_rule(options).share > 0 && !result.validation, "validation_share",
         "there is no validation set: " + reason_for_no_validation(options, result));
    note(result.validation && result.split.copied_bytes > 0, "validation_share",
         fmt::format("{} at the ends of long documents are copies of training text and not held out{}",
                     bytes_text(result.split.copied_bytes),
                     result.split.dropped_bytes > 0
                         ? fmt::format("; {} of these are in neither set", bytes_text(result.split.dropped_bytes))
                         : ""));
    note(result.held_out_copies > 0, "hold_out_last",
         fmt::format("{} of the {} documents held out are in the training set too; remove copies, or hold "
                     "out a share, which keeps them on one side",
                     result.held_out_copies, options.hold_out_last));
    note(training.trained == 0, "training", "no assistant message is in the loss, so there is nothing to train on");
    note(result.validation && result.validation->trained == 0, "validation",
         "no token is in the loss, so it cannot be measured");
    return notes;
}

}  // namespace puna
