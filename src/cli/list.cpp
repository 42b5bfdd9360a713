#include "library/catalog.h"

#include "cli/command.h"
#include "cli/flags.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/progress.h"
#include "library/hub/settings.h"

#include <fmt/core.h>

#include <algorithm>

namespace puna {

namespace {

struct ListOptions {
    std::string cache;
    bool quiet = false;
};
template <class F>
void fields(ListOptions& o, F field) {
    field("cache", o.cache, "folder of downloaded models",
          {.word = "FOLDER", .unset = "HF_HUB_CACHE, else ~/.cache/huggingface/hub"});
    field("quiet", o.quiet, "print names only");
}

struct ListRow {
    std::string name, type, bytes, parameters, tool;
};

std::string short_count(std::optional<int64_t> n) {
    if (!n) return "";
    std::string text = format_quantity(static_cast<double>(*n), "");
    std::erase(text, ' ');
    std::replace(text.begin(), text.end(), 'G', 'B');  // billions, as in names of models
    return text;
}

void print_table(const Catalog& catalog) {
    std::vector<ListRow> rows{{"NAME", "TYPE", "SIZE", "PARAMETERS", "WHERE"}};
    for (const CatalogModel& model : catalog.models) {
        ModelSummary summary = summarize(model);
        rows.push_back({model.name, summary.type.empty() ? model.type : summary.type,
                        format_quantity(static_cast<double>(model.bytes), "B"), short_count(summary.parameters),
                        std::string(model.tool)});
    }
    for (const std::string& name : catalog.incomplete) rows.push_back({name, "not a whole model", "", "", "hub"});
    size_t name = 0, type = 0, bytes = 0, parameters = 0;
    for (const ListRow& row : rows) {
        name = std::max(name, row.name.size());
        type = std::max(type, row.type.size());
        bytes = std::max(bytes, row.bytes.size());
        parameters = std::max(parameters, row.parameters.size());
    }
    for (const ListRow& row : rows)
        fmt::print("{:<{}}  {:<{}}  {:>{}}  {:>{}}  {}\n", printable(row.name, std::string::npos), name, row.type, type,
                   row.bytes, bytes, row.parameters, parameters, row.tool);
}

std::string to_json(const Catalog& catalog) {
    JsonList list;
    for (const CatalogModel& model : catalog.models) {
        ModelSummary summary = summarize(model);
        std::string type = summary.type.empty() ? model.type : summary.type;
        list.add(JsonObject{{"name", model.name},
                            {"where", model.tool},
                            {"path", model.path.string()},
                            {"bytes", model.bytes},
                            {"type", type.empty() ? JsonText(nullptr) : JsonText(type)},
                            {"parameters", summary.parameters ? JsonText(*summary.parameters) : JsonText(nullptr)},
                            {"problem", summary.problem.empty() ? JsonText(nullptr) : JsonText(summary.problem)}});
    }
    std::vector<std::string> remarks;
    for (const Remark& remark : catalog.remarks) remarks.push_back(remark.text);
    return JsonObject{{"models", list}, {"incomplete", catalog.incomplete}, {"remarks", remarks}}.text();
}

}  // namespace

int run_list(Arguments arguments) {
    ListOptions options;
    Flags flags(
        "list",
        "List the models on this machine: those in the cache of Hugging Face's tools, which 'puna pull' fills, and "
        "those of ollama, LM Studio, llama.cpp, GPT4All, Jan and Docker, which are run where they are. Any of "
        "the names can be given to a command that takes a MODEL.",
        "puna list\npuna list --json");
    flags.add(list_fields(options));
    flags.add_json("print JSON, with the path of each model");
    if (!flags.parse(arguments)) return 0;
    Catalog catalog = list_models(options.cache.empty() ? hub_cache_folder() : std::filesystem::path(options.cache));
    if (options.quiet) {
        for (const CatalogModel& model : catalog.models) fmt::print("{}\n", printable(model.name, std::string::npos));
    } else if (flags.json()) {
        fmt::print("{}\n", to_json(catalog));
    } else {
        print_table(catalog);
        for (const Remark& remark : catalog.remarks) log_warning("{}", remark.text);
        if (catalog.models.empty()) log_info("no models here; 'puna pull OWNER/NAME' downloads one");
    }
    return 0;
}

}  // namespace puna
