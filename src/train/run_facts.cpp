#include "train/run_facts.h"

#include "core/error.h"
#include "core/json_document.h"
#include "core/json_text.h"

#include <algorithm>
#include <array>

namespace puna {

namespace {

constexpr int64_t format_version = 1;
constexpr JsonLimits limits{.bytes = 4 << 20, .values = 10'000};
constexpr std::array<std::string_view, 4> end_names = {"none", "finished", "stopped", "failed"};  // of RunEnd

JsonObject set_json(const SetFacts& set) {
    return {{"name", set.name},           {"conversations", set.conversations},
            {"documents", set.documents}, {"tokens", set.tokens},
            {"trained", set.trained},     {"bytes", set.bytes}};
}

SetFacts parse_set(const JsonNode& json) {
    return {.name = json.text("name", ""),
            .conversations = json.boolean("conversations", false),
            .documents = json.count("documents"),
            .tokens = json.count("tokens"),
            .trained = json.count("trained"),
            .bytes = json.count("bytes")};
}

RunEnd parse_end(const JsonNode& json) {
    std::string name = json.text("end", end_names[0]);
    auto at = std::find(end_names.begin(), end_names.end(), name);
    if (at == end_names.end()) json.need("end").reject("must be none, finished, stopped or failed");
    return static_cast<RunEnd>(at - end_names.begin());
}

}  // namespace

std::string run_facts_json(const RunFacts& f) {
    JsonObject json{{"puna_run", format_version}, {"command", f.command},       {"folder", f.folder},
                    {"version", f.version},       {"kernels", f.kernels},       {"processor", f.processor},
                    {"threads", f.threads},       {"processes", f.processes},   {"started", f.started},
                    {"parameters", f.parameters}, {"vocabulary", f.vocabulary}, {"rows_per_epoch", f.rows_per_epoch},
                    {"data", set_json(f.data)}};
    if (f.validation) json.add("validation", set_json(*f.validation));
    json.add("end", end_names[static_cast<size_t>(f.end)]);
    if (!f.problem.empty()) json.add("problem", f.problem);
    json.add("recipe", f.recipe);
    return indent_json(json.text(), 1) + "\n";
}

RunFacts parse_run_facts(std::string_view text, std::string_view path) {
    JsonDocument document(text, path, limits);
    JsonNode json = document.root();
    if (int64_t version = json.integer("puna_run", 0); version != format_version)
        fail(ErrorKind::unsupported, "{}: does not describe a run in a supported version (version {})", path, version);
    RunFacts facts{.recipe = json.text("recipe", ""),
                   .folder = json.text("folder", ""),
                   .version = json.text("version", ""),
                   .kernels = json.text("kernels", ""),
                   .processor = json.text("processor", ""),
                   .threads = json.count("threads"),
                   .processes = json.count("processes"),
                   .started = json.count("started"),
                   .parameters = json.count("parameters"),
                   .vocabulary = json.count("vocabulary"),
                   .rows_per_epoch = json.count("rows_per_epoch"),
                   .end = parse_end(json),
                   .problem = json.text("problem", "")};
    if (std::optional<JsonNode> command = json.find("command"))
        for (const JsonNode& argument : command->items()) facts.command.push_back(argument.text());
    if (std::optional<JsonNode> data = json.find("data")) facts.data = parse_set(*data);
    if (std::optional<JsonNode> validation = json.find("validation")) facts.validation = parse_set(*validation);
    return facts;
}

}  // namespace puna
