#include "cli/flags.h"
#include "cli/ids.h"
#include "cli/model_argument.h"
#include "cli/piece.h"
#include "cli/terminal.h"
#include "cli/tokenizer.h"
#include "core/atomic_file.h"
#include "core/console.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/overwrite.h"
#include "core/progress.h"
#include "data/text_kind.h"
#include "model/checkpoint_folders.h"
#include "tokenizer/encoder.h"
#include "tokenizer/files.h"

#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>

namespace puna {

namespace {

// Calls on_ids with a part of the ids at a time, so that neither a whole file nor its ids must fit in memory.
void encode_parts(const Tokenizer& tokenizer, std::string_view text,
                  const std::function<void(std::span<const int32_t>)>& on_ids) {
    Progress progress("encoding", static_cast<int64_t>(text.size()), "B");
    Encoder(tokenizer, text.size()).encode_parts(text, [&](std::span<const int32_t> ids, size_t bytes) {
        on_ids(ids);
        progress.advance(static_cast<int64_t>(bytes));
    });
}

std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<int32_t> all;
    all.reserve(text.size() / 4);
    encode_parts(tokenizer, text, [&](std::span<const int32_t> ids) { all.insert(all.end(), ids.begin(), ids.end()); });
    return all;
}

struct EncodeOptions {
    std::string text, output;
    bool pieces = false, force = false, special = false;
};
template <class F>
void fields(EncodeOptions& o, F field) {
    field("text", o.text, "encode this instead of a file");
    field("pieces", o.pieces, "print each id with its piece of the text, quoted, after a tab");
    field("output", o.output, "write the ids to this file, as u32 little-endian", {.word = "FILE"});
    field("force", o.force, force_help);
    field("special", o.special, "recognize control tokens in the text");
}

// A text from the command line, a file or standard input.
class TextInput {
 public:
    TextInput(const Flags& flags, const std::string& text, const std::string& file) {
        if (flags.given("text")) {
            text_ = plain_text(text, flag_name("text"));
            return;
        }
        if (std::error_code absent; file != "-" && !std::filesystem::exists(file, absent))
            fail(ErrorKind::not_found, "{0}: no such file; to encode a text itself: --text \"{0}\"", printable(file));
        if (std::filesystem::is_regular_file(file))
            text_ = mapped_.emplace(file).text();
        else
            text_ = stream_ = read_text(file);
        text_ = plain_text(text_, input_name(file));
        if (file != "-" && contains_json(text_)) log_warning("{}: contains JSON, which is encoded like any text", file);
    }
    TextInput(const TextInput&) = delete;

    std::string_view text() const { return text_; }
    void check_unchanged() const {  // while it was read
        if (mapped_) mapped_->check_unchanged();
    }

 private:
    std::optional<MappedFile> mapped_;
    std::string stream_;
    std::string_view text_;
};

// As u32 little-endian, this machine's byte order. Returns the number of tokens.
size_t write_ids(const Tokenizer& tokenizer, const TextInput& input, const EncodeOptions& options) {
    AtomicFile file(options.output);
    size_t tokens = 0;
    auto write = [&](std::span<const int32_t> ids) {
        file.write(std::as_bytes(ids));
        tokens += ids.size();
    };
    options.special ? write(tokenizer.encode_with_control(input.text())) : encode_parts(tokenizer, input.text(), write);
    input.check_unchanged();
    file.commit();
    return tokens;
}

// None without tokens.
std::optional<double> bytes_per_token(size_t bytes, size_t tokens) {
    if (tokens == 0) return {};
    return static_cast<double>(bytes) / static_cast<double>(tokens);
}

void print_summary(size_t bytes, size_t tokens) {
    std::optional<double> ratio = bytes_per_token(bytes, tokens);
    print_status("{}, {}{}\n", format_count(static_cast<int64_t>(tokens), "token"),
                 format_count(static_cast<int64_t>(bytes), "byte"),
                 ratio ? fmt::format(", {:.2f} bytes per token", *ratio) : "");
}

std::string encoding_json(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, size_t bytes, bool pieces) {
    JsonObject json{{"ids", ids}};
    JsonList list;
    for (int32_t id : ids)
        if (pieces) list.add(piece_json(tokenizer.bytes(id)));
    if (pieces) json.add("pieces", list);
    json.add("tokens", ids.size());
    json.add("bytes", bytes);
    if (std::optional<double> ratio = bytes_per_token(bytes, ids.size())) json.add("bytes_per_token", *ratio);
    return json.text();
}

void print_ids(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool pieces) {
    for (int32_t id : ids)
        pieces ? fmt::print("{}\t{}\n", id, quoted_piece(tokenizer.bytes(id))) : fmt::print("{}\n", id);
}

}  // namespace

int run_tokenizer_encode(Arguments arguments) {
    std::string model, file;
    EncodeOptions options;
    ModelArgumentOptions pulling;
    Flags flags("tokenizer encode",
                "Encode text as token ids, one per line. Control tokens in the text are plain text unless --special is "
                "given.",
                "puna tokenizer encode models/starter story.txt\n"
                "puna tokenizer encode models/starter --text \"Hello world\" --pieces\n"
                "echo Hello | puna tokenizer encode models/starter --json");
    flags.positional("TOKENIZER", model, tokenizer_help);
    flags.positional("FILE", file, "the text [standard input]", false);
    flags.add(list_fields(options));
    flags.add(list_fields(pulling));
    flags.add_json("print {\"ids\": [...]}, with the numbers of tokens and bytes");
    if (!flags.parse(arguments)) return 0;
    if (flags.given("text") && !file.empty())
        fail_field("text", "cannot be combined with a FILE ('{}'); quote a text with spaces", printable(file));
    const std::string& output = options.output;
    check_overwrite(output, {"a file of token ids", is_ids_file}, options.force);
    Tokenizer tokenizer = load_tokenizer(find_model(model_path(model, pulling)));
    TextInput input(flags, options.text, file.empty() ? "-" : file);
    for (const char* field : {"json", "pieces"})
        if (flags.given(field) && !output.empty()) flags.print({{field, "has no effect with --output"}});
    size_t bytes = input.text().size();
    if (!output.empty()) {
        print_summary(bytes, write_ids(tokenizer, input, options));
        return 0;
    }
    std::vector<int32_t> ids =
        options.special ? tokenizer.encode_with_control(input.text()) : encode(tokenizer, input.text());
    if (flags.json()) {
        fmt::print("{}\n", encoding_json(tokenizer, ids, bytes, options.pieces));
        return 0;
    }
    print_ids(tokenizer, ids, options.pieces);
    print_now("");  // what cannot be written is an error, and has no summary
    print_summary(bytes, ids.size());
    return 0;
}

int run_tokenizer_decode(Arguments arguments) {
    std::string model, input = "-";
    ModelArgumentOptions pulling;
    Flags flags("tokenizer decode",
                "Decode token ids to text. The ids are text separated by white space, JSON, or u32 little-endian.",
                "puna tokenizer decode models/starter ids.txt");
    flags.positional("TOKENIZER", model, tokenizer_help);
    flags.positional("FILE", input, "the ids [standard input]", false);
    flags.add(list_fields(pulling));
    flags.add_json("print {\"text\": \"...\"}");
    if (!flags.parse(arguments)) return 0;
    Tokenizer tokenizer = load_tokenizer(find_model(model_path(model, pulling)));
    std::string text = tokenizer.decode(read_ids(input, tokenizer.size()));
    if (flags.json()) text = JsonObject{{"text", text}}.text() + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

}  // namespace puna
