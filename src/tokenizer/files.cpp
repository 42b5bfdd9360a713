#include "tokenizer/files.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_kind.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "tokenizer/rank_file.h"
#include "tokenizer/text_tokens.h"
#include "tokenizer/tokenizer_json.h"

namespace puna {

namespace {

namespace fs = std::filesystem;

fs::path find_file(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return path;
    for (const char* name : {"tokenizer.json", "tokenizer.model"})
        if (file_exists(path / name)) return path / name;
    fail("{}: the folder has neither tokenizer.json nor tokenizer.model; name a model folder or the file itself",
         path.string());
}

bool is_json(const fs::path& path, std::string_view text) {
    size_t at = text.find_first_not_of(" \t\r\n");
    return path.extension() == ".json" || (at != text.npos && text[at] == '{');
}

// Meta's params.json sets use_scaled_rope for Llama 3.1 and later.
ControlNames read_meta_names(const fs::path& params) {
    if (!file_exists(params)) return ControlNames::llama3_1;
    MappedFile file(params);
    bool scaled = false, in_field = false;
    read_json(file.text(), params.string(), [&](const JsonEvent& event) {
        if (event.kind == JsonEvent::key) in_field = event.text == "use_scaled_rope";
        if (event.kind == JsonEvent::boolean && in_field) scaled = event.integer_value != 0;
    });
    return scaled ? ControlNames::llama3_1 : ControlNames::llama3;
}

}  // namespace

Tokenizer load_tokenizer(const fs::path& path) {
    fs::path found = find_file(path);
    MappedFile file(found);
    reject_foreign_file(file.text(), found.string());
    if (is_json(found, file.text())) {
        Vocabulary vocabulary = parse_tokenizer_json(file.text(), found.string());
        find_text_tokens(vocabulary, found);
        return Tokenizer(std::move(vocabulary), found.string());
    }
    ControlNames names = read_meta_names(found.parent_path() / "params.json");
    return Tokenizer(parse_rank_file(file.text(), found.string(), names), found.string());
}

void save_tokenizer(const Tokenizer& tokenizer, const fs::path& folder) {
    make_folder(folder);
    write_file(folder / "tokenizer.json", tokenizer_json_text(tokenizer.vocabulary()));
}

}  // namespace puna
