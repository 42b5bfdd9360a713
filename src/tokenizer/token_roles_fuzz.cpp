// covers: src/tokenizer/token_roles.cpp src/tokenizer/added_token_files.cpp
#include "core/fuzz.h"
#include "core/test_folder.h"
#include "tokenizer/added_token_files.h"
#include "tokenizer/token_roles.h"
#include "tokenizer/train.h"

// The input is tokenizer_config.json, special_tokens_map.json, config.json and added_tokens.json, separated by zero
// bytes; an empty one is a missing file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    static TestFolder folder;
    static const Vocabulary bytes = train_tokenizer({}, {.vocabulary = 256, .control_tokens = 0}).vocabulary();
    write_parts({reinterpret_cast<const char*>(data), size}, folder.path(),
                {"tokenizer_config.json", "special_tokens_map.json", "config.json", "added_tokens.json"});
    return fuzz(data, size, [](std::string_view) {
        Vocabulary vocabulary = bytes;
        vocabulary.begin_of_text.reset();  // as parsed from a tokenizer.json without a template
        read_missing_tokens(vocabulary, folder / "tokenizer.json");
        find_text_tokens(vocabulary, folder / "tokenizer.json");
        for (const std::optional<TextToken>& token : {vocabulary.begin_of_text, vocabulary.end_of_text}) {
            check(token.has_value() && (!token->id || token->problem.empty()), "both a token and a problem");
            check(!token->id || !vocabulary.bytes(*token->id).empty(), "an id without a token");
        }
        Vocabulary other = bytes;
        read_added_tokens(other, folder / "tokenizer.model");
    });
}
