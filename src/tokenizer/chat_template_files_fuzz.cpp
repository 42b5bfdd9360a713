// covers: src/tokenizer/chat_template_files.cpp
#include "core/fuzz.h"
#include "core/test_folder.h"
#include "tokenizer/chat_template_files.h"
#include "tokenizer/train.h"

#include <algorithm>

// The input is tokenizer_config.json, special_tokens_map.json, chat_template.json, chat_template.jinja and
// additional_chat_templates/tool_use.jinja, separated by zero bytes; an empty one is a missing file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    static TestFolder folder, copy;
    static const Tokenizer llama3 = train_tokenizer({}, {.vocabulary = 272}),
                           none = train_tokenizer({}, {.vocabulary = 256, .control_tokens = 0});
    std::filesystem::create_directory(folder / "additional_chat_templates");
    write_parts({reinterpret_cast<const char*>(data), size}, folder.path(),
                {"tokenizer_config.json", "special_tokens_map.json", "chat_template.json", "chat_template.jinja",
                 "additional_chat_templates/tool_use.jinja"});
    return fuzz(data, size, [](std::string_view) {
        live_limit += 4 << 20;  // a writer's buffer
        for (const Tokenizer* tokenizer : {&llama3, &none}) {
            ChatTemplateText found = read_chat_template(folder.path(), *tokenizer);
            check(found.problem.empty() || found.text.empty(), "both a template and a problem");
            std::filesystem::remove(copy / "chat_template.jinja");
            save_chat_template(found, *tokenizer, copy.path());
            ChatTemplateText again = read_chat_template(copy.path(), *tokenizer);
            check(again.text == found.text || found.text.empty(), "the saved template is another");
            check(again.tool_text == found.tool_text, "the saved template for tools is another");
            for (const auto& token : found.tokens)
                check(std::find(again.tokens.begin(), again.tokens.end(), token) != again.tokens.end(),
                      "a special token is not saved");
        }
    });
}
