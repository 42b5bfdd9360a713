#include "chat/template_files.h"
#include "cli/answer.h"
#include "cli/chat_session.h"
#include "cli/command.h"
#include "cli/model_argument.h"
#include "cli/offer.h"
#include "cli/terminal.h"
#include "core/log.h"

namespace puna {

namespace {

struct ChatFlags {
    std::string system;
    bool offer = false;
};
template <class F>
void fields(ChatFlags& o, F field) {
    field.group("Conversation");
    field("system", o.system, "system message: what the model should be or do");
    field("offer", o.offer,
          "first offer to download the largest Llama that fits the memory, if the hub can be reached");
}

}  // namespace

int run_chat(Arguments arguments) {
    std::string model;
    EngineLoadOptions load;
    GenerateOptions requested;
    ChatFlags chat;
    ModelArgumentOptions pulling;
    Flags flags(
        "chat",
        "Chat with a model in the terminal, or answer the lines of a pipe. In the chat, /help lists the commands "
        "and Ctrl-C stops an answer. What is typed is kept for the next chats in ~/.local/state/puna/history. Sampling "
        "defaults come from the model's generation_config.json if there is one; those below apply otherwise.",
        "puna chat models/starter --temperature 0.8\n"
        "echo \"Tell me a story.\" | puna chat models/starter --seed 1");
    flags.positional("MODEL", model, model_help);
    flags.add(list_fields(requested));
    flags.add(list_fields(load));
    flags.add(list_fields(chat));
    flags.add(list_fields(pulling));
    flags.add_json("print each answer as one JSON object on a line");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;

    std::filesystem::path path = model_path(model, pulling);
    if (chat.offer && !flags.json() && is_terminal() && can_ask())
        model = (path = offer_larger_model(path, {.context = load.context, .cache_type = load.cache_type})).string();
    load.adapters = model_paths(load.adapters, pulling);
    Engine engine = load_engine(path, load);
    ChatTemplateText found = load_chat_template(path, engine.tokenizer());
    ChatTemplate chat_template(found);
    if (found.is_built_in)
        log_warning("{}: has no chat template, so it may never have seen conversations: {} is used", model,
                    found.origin);
    chat_template.without_tools();  // before the first message is typed
    GenerateOptions options = with_model_defaults(engine, flags, requested);
    flags.print(notes_on(options, engine, flags));
    ChatSetup setup{.model = model, .options = options, .system = chat.system, .json = flags.json()};
    return ChatSession(engine, chat_template, setup).run();
}

}  // namespace puna
