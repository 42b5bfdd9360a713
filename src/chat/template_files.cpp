#include "chat/template_files.h"

#include "chat/llama_templates.h"
#include "tokenizer/token_roles.h"

namespace puna {

namespace {

// Llama's templates write them by name.
bool has_llama3_tokens(const TokenRoles& roles) {
    return roles.bos && roles.header_begin && roles.header_end && roles.eot;
}

}  // namespace

ChatTemplateText find_chat_template(const std::filesystem::path& path, const Tokenizer& tokenizer) {
    return with_llama_template(read_chat_template(path, tokenizer), tokenizer);
}

ChatTemplateText with_llama_template(ChatTemplateText found, const Tokenizer& tokenizer) {
    bool has_own = !found.text.empty() || !found.tool_text.empty() || !found.problem.empty() || found.has_other_names;
    if (has_own || !has_llama3_tokens(tokenizer.roles())) return found;
    bool is_llama3_1 = tokenizer.roles().eom.has_value();
    found.origin = is_llama3_1 ? "Llama 3.1's chat template" : "Llama 3's chat template";
    found.is_llama3s = true;
    set_special_token(found, "eos_token", tokenizer.bytes(*tokenizer.roles().eot));
    found.text = llama_template(is_llama3_1 ? LlamaPrompt::llama3_1 : LlamaPrompt::llama3);
    return found;
}

ChatTemplateText llama3_chat_template(const Tokenizer& tokenizer) {
    ChatTemplateText found = special_tokens_of(tokenizer);
    found.origin = "Llama 3's chat template";
    if (has_llama3_tokens(tokenizer.roles())) found.text = llama_template(LlamaPrompt::llama3);
    return found;
}

}  // namespace puna
