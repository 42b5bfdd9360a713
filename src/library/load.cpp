#include "library/load.h"

#include "chat/template_files.h"
#include "chat/turn_end.h"
#include "core/log.h"
#include "core/system_memory.h"
#include "library/hub/settings.h"
#include "library/memory_advice.h"
#include "library/names.h"
#include "model/apply_adapter.h"
#include "model/checkpoint_folders.h"
#include "model/load.h"
#include "tokenizer/files.h"

namespace puna {

namespace {

// 0: the context of each sequence.
int64_t cache_tokens(const Config& config, const EngineLoadOptions& load) {
    if (load.sequence_tokens == 0 || load.sequence_tokens >= choose_context(config, load.context)) return 0;
    return load.sequences * pages_for(load.sequence_tokens) * page_tokens;
}

// Those of the tokenizer's roles are the engine's own.
std::vector<int32_t> stop_ids(const ModelSource& source, const GenerationDefaults& defaults,
                              const Tokenizer& tokenizer) {
    std::vector<int32_t> ids = defaults.stops.empty() ? source.config().eos : defaults.stops;
    for (int32_t id : template_stop_ids(source.chat_template(tokenizer), tokenizer)) ids.push_back(id);
    return ids;
}

void note_unfinished(const std::filesystem::path& folder, const ModelSource& source) {
    if (source.path() != folder)
        log_info("{}: its training has not finished; using its newest checkpoint, {}", folder.string(),
                 source.path().filename().string());
}

}  // namespace

void check_memory(ModelSource& source, std::span<const Adapter> adapters, std::optional<Dtype> type,
                  const EngineOptions& options) {
    const Kernels& kernels = choose_kernels();
    int64_t available = available_memory();  // before misaligned weights are copied
    std::vector<HeldWeight> held = held_weights(kernels, source, type);
    for (const Adapter& adapter : adapters) held.push_back({adapter_bytes(adapter)});
    MemoryPlan plan = plan_memory(kernels, source.config(), held, options, available);
    if (!plan.fits())
        fail(ErrorKind::out_of_memory, "{}: {}: {}", source.path().string(), describe(plan),
             memory_advice(kernels, source.config(), held, options, available));
}

Engine load_engine(const std::filesystem::path& path, const EngineLoadOptions& options) {
    AdaptedModel model = find_adapted(path, options.adapters, find_in_library);
    std::shared_ptr<ModelSource> source = open_model(model.path);
    note_unfinished(model.path, *source);
    GenerationDefaults defaults = source->generation_defaults();
    EngineOptions engine{.context = options.context,
                         .sequences = options.sequences,
                         .cache_tokens = cache_tokens(source->config(), options),
                         .cache_type = options.cache_type};
    check_memory(*source, model.adapters, options.type, engine);
    Tokenizer tokenizer = source->tokenizer();
    std::vector<int32_t> stops = stop_ids(*source, defaults, tokenizer);
    Llama llama = load_llama(choose_kernels(), source, {.dtype = options.type});
    if (!model.adapters.empty()) engine.adapter = add_adapter(llama, model.adapters);
    return Engine(std::move(llama), std::move(tokenizer), engine, defaults.sample, std::move(stops));
}

ChatTemplateText load_chat_template(const std::filesystem::path& folder, const Tokenizer& tokenizer) {
    return with_llama_template(open_model(find_adapted(folder, {}, find_in_library).path)->chat_template(tokenizer),
                               tokenizer);
}

PromptFiles load_prompt_files(const std::filesystem::path& path) {
    std::filesystem::path found = find_model(find_adapted(path, {}, find_in_library).path);
    if (!is_model(found)) {
        Tokenizer tokenizer = load_tokenizer(found);
        ChatTemplateText chat = find_chat_template(found, tokenizer);
        return {std::move(tokenizer), std::move(chat)};
    }
    std::shared_ptr<ModelSource> source = open_model(found);
    Tokenizer tokenizer = source->tokenizer();
    ChatTemplateText chat = with_llama_template(source->chat_template(tokenizer), tokenizer);
    return {std::move(tokenizer), std::move(chat)};
}

}  // namespace puna
