#include "tokenizer/files.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_kind.h"
#include "core/json_document.h"
#include "core/mapped_file.h"
#include "files/gguf.h"
#include "tokenizer/added_token_files.h"
#include "tokenizer/gguf_vocabulary.h"
#include "tokenizer/rank_file.h"
#include "tokenizer/sentencepiece_model.h"
#include "tokenizer/token_roles.h"
#include "tokenizer/tokenizer_json.h"

#include <algorithm>

namespace puna {

namespace {

namespace fs = std::filesystem;

fs::path find_file(const fs::path& path) {
    std::error_code ignored;
    if (!fs::exists(path, ignored))
        fail(ErrorKind::not_found, "{}: no such file or folder: name a model folder, tokenizer.json or tokenizer.model",
             path.string());
    if (!fs::is_directory(path, ignored)) return path;
    for (const char* name : {"tokenizer.json", "tokenizer.model"})
        if (file_exists(path / name)) return path / name;
    bool is_model = file_exists(path / "config.json") || file_exists(path / "params.json");
    fail(ErrorKind::not_found, "{}: the folder has neither tokenizer.json nor tokenizer.model: {}", path.string(),
         is_model ? "copy the model's into it" : "name a model folder or the file itself");
}

bool is_json(const fs::path& path, std::string_view text) {
    size_t at = text.find_first_not_of(" \t\r\n");
    return path.extension() == ".json" || (at != text.npos && text[at] == '{');
}

bool is_gguf(std::string_view text) { return text.starts_with("GGUF"); }

// What Meta's params.json says of the rank file beside it.
struct RankFileParams {
    ControlNames names = ControlNames::llama3_1;  // use_scaled_rope is set for Llama 3.1 and later
    int64_t vocabulary = 0;                       // 0: not stated
};
RankFileParams read_params(const fs::path& params) {
    if (!file_exists(params)) return {};
    MappedFile file(params);
    JsonDocument document(file.text(), params.string(), {.remedy = copy_again});
    JsonNode root = document.root();
    if (std::optional<JsonNode> nested = root.find("model"); nested && nested->is_object()) root = *nested;
    return {.names = root.boolean("use_scaled_rope", false) ? ControlNames::llama3_1 : ControlNames::llama3,
            .vocabulary = std::max<int64_t>(root.integer("vocab_size", 0), 0)};
}

// The ids of control tokens follow from the number of ranks: with one missing, all of them would be wrong.
Vocabulary read_rank_file(std::string_view text, const fs::path& path, int64_t rows) {
    RankFileParams params = read_params(path.parent_path() / "params.json");
    Vocabulary vocabulary =
        parse_rank_file(text, path.string(), params.names, params.vocabulary > 0 ? params.vocabulary : rows);
    if (vocabulary.size() < params.vocabulary)
        fail(ErrorKind::damaged,
             "{}: has {} tokens with the control tokens, but params.json says {} ('vocab_size'): {}", path.string(),
             vocabulary.size(), params.vocabulary, copy_again);
    return vocabulary;
}

}  // namespace

Tokenizer load_tokenizer(const fs::path& path, int64_t rows) {
    fs::path found = find_file(path);
    MappedFile file(found);
    if (is_gguf(file.text())) return Tokenizer(parse_gguf_vocabulary(GgufFile(found)), found.string());
    reject_foreign_file(file.text(), found.string());
    Vocabulary vocabulary;
    if (is_json(found, file.text())) {
        vocabulary = parse_tokenizer_json(file.text(), found.string());
        read_missing_tokens(vocabulary, found);
        find_text_tokens(vocabulary, found);
    } else if (is_sentencepiece_model(file.text())) {
        vocabulary = parse_sentencepiece_model(file.text(), found.string());
        read_added_tokens(vocabulary, found);
        find_text_tokens(vocabulary, found);
    } else {
        vocabulary = read_rank_file(file.text(), found, rows);
    }
    return Tokenizer(std::move(vocabulary), found.string());
}

void save_tokenizer(const Tokenizer& tokenizer, const fs::path& folder) {
    make_folder(folder);
    write_file(folder / "tokenizer.json", tokenizer_json_text(tokenizer.vocabulary()));
}

void save_tokenizer_model(const Tokenizer& tokenizer, const fs::path& folder) {
    const Vocabulary& vocabulary = tokenizer.vocabulary();
    make_folder(folder);
    write_file(folder / "tokenizer.model", vocabulary.kind == VocabularyKind::byte_bpe
                                               ? rank_file_text(vocabulary)
                                               : sentencepiece_model_bytes(vocabulary));
}

}  // namespace puna
