#include "chat/template_files.h"

#include "chat/llama_templates.h"
#include "tokenizer/token_roles.h"

#include <optional>
#include <string_view>

namespace puna {

namespace {

// Llama 3's templates write them by name.
bool has_llama3_tokens(const TokenRoles& roles) {
    return roles.bos && roles.header_begin && roles.header_end && roles.eot;
}

// The vocabulary of Llama 1 and 2, which their descendants kept.
bool has_llama2_tokens(const Tokenizer& tokenizer) {
    const TokenRoles& roles = tokenizer.roles();
    return tokenizer.vocabulary().kind == VocabularyKind::sentencepiece && roles.bos && roles.eos &&
           tokenizer.bytes(*roles.bos) == "<s>" && tokenizer.bytes(*roles.eos) == "</s>";
}

struct BuiltIn {
    LlamaPrompt prompt;
    std::string_view name;
};

// None: no template of Llama suits the vocabulary.
std::optional<BuiltIn> find_built_in(const Tokenizer& tokenizer) {
    if (has_llama3_tokens(tokenizer.roles()))
        return tokenizer.roles().eom ? BuiltIn{LlamaPrompt::llama3_1, "Llama 3.1's chat template"}
                                     : BuiltIn{LlamaPrompt::llama3, "Llama 3's chat template"};
    if (has_llama2_tokens(tokenizer)) return BuiltIn{LlamaPrompt::llama2, "Llama 2's chat template"};
    return {};
}

}  // namespace

ChatTemplateText find_chat_template(const std::filesystem::path& path, const Tokenizer& tokenizer) {
    return with_llama_template(read_chat_template(path, tokenizer), tokenizer);
}

ChatTemplateText with_llama_template(ChatTemplateText found, const Tokenizer& tokenizer) {
    bool has_own = !found.text.empty() || !found.tool_text.empty() || !found.problem.empty() || found.has_other_names;
    std::optional<BuiltIn> built_in = has_own ? std::nullopt : find_built_in(tokenizer);
    if (!built_in) return found;
    found.origin = built_in->name;
    found.is_built_in = true;
    if (tokenizer.roles().eot) set_special_token(found, "eos_token", tokenizer.bytes(*tokenizer.roles().eot));
    found.text = llama_template(built_in->prompt);
    return found;
}

ChatTemplateText llama3_chat_template(const Tokenizer& tokenizer) {
    ChatTemplateText found = special_tokens_of(tokenizer);
    found.origin = "Llama 3's chat template";
    if (has_llama3_tokens(tokenizer.roles())) found.text = llama_template(LlamaPrompt::llama3);
    return found;
}

}  // namespace puna
