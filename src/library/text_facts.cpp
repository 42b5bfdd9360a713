#include "library/text_facts.h"

#include "chat/template_files.h"

namespace puna {

namespace {

// Throws Error for a template that cannot be parsed or rendered. One that refuses the conversation itself, such as for
// its roles, does what its author wants.
void try_template(const ChatTemplateText& found) {
    ChatTemplate chat(found);
    if (found.text.empty()) return;  // it is for conversations with tools alone
    const Message hello{.role = "user", .content = "Hello!"};
    ChatValues values = chat.values({&hello, 1}, {.add_generation_prompt = true});
    values.limits.steps = 1'000'000;  // far more than a short conversation needs
    values.limits.characters = 1'000'000;
    try {
        chat.render(values);
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::usage) throw;
    }
}

}  // namespace

TextFacts read_text_facts(const ModelSource& source) {
    TextFacts facts;
    try {
        source.generation_defaults();
        Tokenizer tokenizer = source.tokenizer();
        facts.tokens = tokenizer.size();
        tokenizer.find_begin_of_text();  // says what is wrong with the rules for it
        ChatTemplateText found = with_llama_template(source.chat_template(tokenizer), tokenizer);
        bool none = found.text.empty() && found.tool_text.empty() && found.problem.empty();
        if (none) return facts;
        facts.chat_template = found.text.empty() ? found.tool_origin : found.origin;
        facts.built_in = found.is_built_in;
        try_template(found);
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::not_found) facts.problem = problem;
    }
    return facts;
}

}  // namespace puna
