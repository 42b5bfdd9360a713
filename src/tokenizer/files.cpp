#include "tokenizer/files.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/json_text.h"
#include "tokenizer/rank_file.h"
#include "tokenizer/tokenizer_json.h"

namespace puna {

namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

fs::path find_file(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return path;
    for (const char* name : {"tokenizer.json", "tokenizer.model"})
        if (is_there(path / name)) return path / name;
    fail("{}: the folder has neither tokenizer.json nor tokenizer.model: name a model's folder or the file itself",
         path.string());
}

bool is_json(const fs::path& path, std::string_view text) {
    size_t at = text.find_first_not_of(" \t\r\n");
    return path.extension() == ".json" || (at != text.npos && text[at] == '{');
}

ChatFormat known_chat_format(const JsonEvent& event, const fs::path& config) {
    std::optional<ChatFormat> format;
    if (event.kind == JsonEvent::string) format = find_chat_format(event.text);
    if (!format)
        fail("{}: 'chat_format' must be \"llama3\", \"llama3_1\", \"llama3_2\" or \"llama3_3\"", config.string());
    return *format;
}

std::optional<ChatFormat> read_chat_format(const fs::path& config) {
    if (!is_there(config)) return {};
    MappedFile file(config);
    std::string_view wanted;
    std::optional<ChatFormat> named, recognised;
    read_json(file.text(), config.string(), [&](const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail("{}: not a JSON object: fetch it again, or remove it", config.string());
        if (event.depth != 1) return;
        if (event.kind == JsonEvent::key)
            wanted = event.text == "chat_format" ? "chat_format" : event.text == "chat_template" ? "chat_template" : "";
        else if (wanted == "chat_format" && event.kind != JsonEvent::null)
            named = known_chat_format(event, config);
        else if (wanted == "chat_template" && event.kind == JsonEvent::string)
            recognised = recognise_chat_template(event.text);
    });
    return named ? named : recognised;
}

// Meta's params.json has a mark for the models since 3.1: their rotary frequencies are scaled.
ChatFormat read_meta_format(const fs::path& params) {
    if (!is_there(params)) return ChatFormat::llama3_1;
    MappedFile file(params);
    bool scaled = false, wanted = false;
    read_json(file.text(), params.string(), [&](const JsonEvent& event) {
        if (event.kind == JsonEvent::key) wanted = event.text == "use_scaled_rope";
        if (event.kind == JsonEvent::boolean && wanted) scaled = event.integer_value != 0;
    });
    return scaled ? ChatFormat::llama3_1 : ChatFormat::llama3;
}

std::string spell_config(const Tokenizer& tokenizer) {
    // The turn's end, where there is one: what Hugging Face's generation stops at.
    std::string_view end = tokenizer.find_control("<|eot_id|>") ? "<|eot_id|>" : "<|end_of_text|>";
    return fmt::format(
        R"({{
  "tokenizer_class": "PreTrainedTokenizerFast",
  "bos_token": "<|begin_of_text|>",
  "eos_token": "{}",
  "clean_up_tokenization_spaces": false,
  "model_input_names": ["input_ids", "attention_mask"],
  "chat_format": "{}",
  "chat_template": {}
}}
)",
        end, name_of(tokenizer.chat_format()), quote_json(chat_template(tokenizer.chat_format())));
}

}  // namespace

Tokenizer load_tokenizer(const fs::path& path) {
    fs::path found = find_file(path);
    MappedFile file(found);
    if (!is_json(found, file.text())) {
        ChatFormat format = read_meta_format(found.parent_path() / "params.json");
        return Tokenizer(parse_rank_file(file.text(), found.string(), format), found.string());
    }
    Vocabulary vocabulary = parse_tokenizer_json(file.text(), found.string());
    std::optional<ChatFormat> format = read_chat_format(found.parent_path() / "tokenizer_config.json");
    if (format) vocabulary.chat_format = *format;
    return Tokenizer(std::move(vocabulary), found.string());
}

void save_tokenizer(const Tokenizer& tokenizer, const fs::path& folder) {
    make_folder(folder);
    write_file(folder / "tokenizer.json", spell_tokenizer_json(tokenizer.vocabulary()));
    write_file(folder / "tokenizer_config.json", spell_config(tokenizer));
}

}  // namespace puna
