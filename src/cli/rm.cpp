#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/flags.h"
#include "core/console.h"
#include "core/json_text.h"
#include "core/progress.h"
#include "library/catalog.h"
#include "library/hub/remove.h"
#include "library/hub/settings.h"

#include <fmt/core.h>

namespace puna {

namespace {

struct RmOptions {
    std::string cache;
    bool yes = false;
};
template <class F>
void fields(RmOptions& o, F field) {
    field("cache", o.cache, "folder of downloaded models",
          {.word = "FOLDER", .unset = "HF_HUB_CACHE, else ~/.cache/huggingface/hub"});
    field("yes", o.yes, yes_help);
}

// Other programs' models are theirs to remove.
void check_owner(const std::string& argument, const HubCache& cache) {
    Catalog catalog = list_models(cache.folder());
    const CatalogModel* model = find_model_here(catalog, argument);
    if (model && model->tool != hub_tool)
        fail(ErrorKind::denied, "{}: belongs to {}, which removes it; its file is {}", argument, model->tool,
             model->path.string());
}

Removal plan(const std::string& argument, const HubCache& cache) {
    std::optional<HubName> name = parse_hub_name(argument);
    if (!name || !std::filesystem::exists(cache.repository(name->repository).folder())) check_owner(argument, cache);
    if (!name)
        throw UsageError(fmt::format("'{}' is not the name of a model in {}; 'puna list' shows them",
                                     printable(argument), cache.folder().string()));
    return plan_removal(cache, *name);
}

}  // namespace

int run_rm(Arguments arguments) {
    std::vector<std::string> names;
    RmOptions options;
    Flags flags(
        "rm",
        "Remove models from the cache of Hugging Face's tools, which 'puna pull' fills: whole repositories, or "
        "single GGUF files. Other tools that use the cache lose them too. Models of other programs, as ollama's, "
        "are not touched.",
        "puna rm bartowski/Llama-3.2-1B-Instruct-GGUF:q8_0\npuna rm -y meta-llama/Llama-3.2-1B");
    flags.positional("NAME", names, "OWNER/NAME or OWNER/NAME:TYPE, as 'puna list' shows them");
    flags.add(list_fields(options));
    flags.add_json("print what was removed as JSON");
    if (!flags.parse(arguments)) return 0;
    HubCache cache(options.cache.empty() ? hub_cache_folder() : std::filesystem::path(options.cache));
    for (const std::string& name : names) {
        Removal removal = plan(name, cache);
        std::string bytes = format_quantity(static_cast<double>(removal.bytes), "B");
        if (!options.yes && !can_ask())
            throw UsageError(
                fmt::format("{}: {} would be removed; without a terminal to ask, --yes is needed", name, bytes));
        if (!options.yes && !confirm(fmt::format("Remove {}, {}?", name, bytes), {.fallback = false})) return 1;
        remove_from_cache(removal);
        if (flags.json())
            fmt::print("{}\n", JsonObject{{"name", name}, {"bytes", removal.bytes}}.text());
        else
            print_status("{}: removed, {} are free\n", name, bytes);
    }
    return 0;
}

}  // namespace puna
