#include "library/names.h"

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/shell.h"
#include "library/catalog.h"

namespace puna {

namespace {

namespace fs = std::filesystem;

// "models/startr" beside a folder models is a mistyped path, not a name for the hub.
bool looks_like_path(std::string_view model) {
    if (model.starts_with('.') || model.starts_with('/') || model.starts_with('~') || model.ends_with('/')) return true;
    size_t slash = model.find('/');
    std::error_code problem;
    return slash != model.npos && fs::is_directory(fs::path(model.substr(0, slash)), problem);
}

}  // namespace

std::optional<fs::path> find_model_path(std::string_view model, const fs::path& hub_cache) {
    if (file_exists(fs::path(model))) return fs::path(model);
    if (std::optional<HubName> name = parse_hub_name(model))
        if (std::optional<PullResult> cached = find_cached(HubCache(hub_cache), *name)) return cached->path;
    Catalog catalog = list_models(hub_cache);
    if (const CatalogModel* here = find_model_here(catalog, model)) return here->path;
    if (const Remark* why = find_remark(catalog, model)) fail(ErrorKind::damaged, "{}", why->text);
    return {};
}

std::optional<fs::path> find_in_library(std::string_view model) { return find_model_path(model, hub_cache_folder()); }

fs::path resolve_model(std::string_view model, const ResolveOptions& options) {
    if (file_exists(fs::path(model))) return fs::path(model);  // needs no settings
    HubSettings settings = hub_settings(options.hub);
    if (std::optional<fs::path> path = find_model_path(model, settings.cache)) return *path;
    std::optional<HubName> name = parse_hub_name(model);
    if (!name || looks_like_path(model) || is_model_tool(model.substr(0, model.find('/'))))
        fail(ErrorKind::not_found,
             "{}: no such file or folder, and no model of this name is here ('puna list' shows them)",
             printable(model));
    if (!options.ask)
        fail(ErrorKind::not_found,
             "{0}: no such file or folder, and no model of this name is here; 'puna pull {1}' downloads it",
             printable(model), shell_word(model));
    Hub hub(std::move(settings));
    PullPlan plan = plan_pull(hub, *name, options.pull.revision);
    if (!options.ask(plan)) fail(ErrorKind::not_found, "{}: is not here, and is not to be downloaded", name->text());
    return pull(hub, plan, options.pull).path;
}

}  // namespace puna
