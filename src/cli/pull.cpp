#include "library/hub/pull.h"

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/transfer.h"
#include "core/console.h"
#include "core/json_text.h"
#include "core/progress.h"

#include <fmt/core.h>

namespace puna {

namespace {

struct PullFlags {
    std::string revision = "main";
    int64_t connections = 8;
    HubOptions hub;
};
template <class F>
void fields(PullFlags& o, F field) {
    field("revision", o.revision, "branch, tag, commit or refs/pr/N", {.word = "REVISION"});
    field("connections", o.connections, "number of ranges of a file that are fetched at once", {.min = 1, .max = 64});
    fields(o.hub, field);
}

HubName name_of(const std::string& argument) {
    std::optional<HubName> name = parse_hub_name(argument);
    if (!name)
        throw UsageError(fmt::format("'{}' is not the name of a model: OWNER/NAME, OWNER/NAME:TYPE or OWNER/NAME:FILE",
                                     printable(argument)));
    return *name;
}

int64_t bytes_of(const PullResult& result, bool fetched_only) {
    int64_t bytes = 0;
    for (const PulledFile& pulled : result.files)
        if (pulled.was_fetched || !fetched_only) bytes += pulled.file.bytes;
    return bytes;
}

std::string to_json(const PullResult& result) {
    JsonList files;
    for (const PulledFile& pulled : result.files)
        files.add(
            JsonObject{{"path", pulled.file.path}, {"bytes", pulled.file.bytes}, {"fetched", pulled.was_fetched}});
    return JsonObject{{"repository", result.repository},
                      {"revision", result.revision},
                      {"commit", result.commit},
                      {"path", result.path.string()},
                      {"bytes", bytes_of(result, false)},
                      {"fetched_bytes", bytes_of(result, true)},
                      {"from_cache", result.is_from_cache},
                      {"files", files}}
        .text();
}

void print_result(const PullResult& result, double seconds) {
    int64_t fetched = bytes_of(result, true);
    print_status("{}: {}, {}{}\n", result.repository, format_count(static_cast<int64_t>(result.files.size()), "file"),
                 format_quantity(static_cast<double>(bytes_of(result, false)), "B"),
                 fetched > 0 ? fmt::format(", of which {} were fetched in {}",
                                           format_quantity(static_cast<double>(fetched), "B"), format_duration(seconds))
                             : ", all of it here already");
    fmt::print("{}\n", result.path.string());
}

}  // namespace

int run_pull(Arguments arguments) {
    std::string model;
    PullFlags options;
    Flags flags("pull",
                "Download a model from Hugging Face's hub, or a compatible one, and print where it is. It goes to the "
                "cache that other tools use too: what they have downloaded is not fetched again. A download that was "
                "cut off goes on where it stopped. Of a repository with several forms of a model one is taken: "
                "safetensors, or the GGUF file of a type, Q4_K_M if none is named.",
                "puna pull meta-llama/Llama-3.2-1B-Instruct\n"
                "puna pull bartowski/Llama-3.2-1B-Instruct-GGUF:q8_0\n"
                "puna pull bartowski/Llama-3.2-1B-Instruct-GGUF:Llama-3.2-1B-Instruct-IQ4_XS.gguf\n"
                "puna chat \"$(puna pull HuggingFaceTB/SmolLM2-135M-Instruct)\"");
    flags.positional("NAME", model, "OWNER/NAME, followed by :TYPE for a type of GGUF file or :FILE for a file");
    flags.add(list_fields(options));
    flags.add_json("print the path, the commit and the files as JSON");
    if (!flags.parse(arguments)) return 0;
    HubName name = name_of(model);
    Hub hub(hub_settings(options.hub));
    Transfer transfer(name.repository);
    PullOptions pull_options{.revision = options.revision,
                             .fetch = {static_cast<int>(options.connections)},
                             .on_begin = transfer.on_begin(),
                             .on_bytes = transfer.on_bytes()};
    double start = seconds_now();
    return transfer.run([&] {
        PullResult result = pull(hub, name, pull_options);
        transfer.end();
        if (flags.json())
            fmt::print("{}\n", to_json(result));
        else
            print_result(result, seconds_now() - start);
    });
}

}  // namespace puna
