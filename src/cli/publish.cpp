#include "library/hub/publish.h"

#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/flags.h"
#include "cli/transfer.h"
#include "core/console.h"
#include "core/json_text.h"
#include "core/progress.h"
#include "library/hub/name.h"

#include <fmt/core.h>

namespace puna {

namespace {

struct PublishFlags {
    std::string revision = "main", message = "Upload with puna";
    bool is_private = false, pull_request = false, yes = false;
    HubOptions hub;
};
template <class F>
void fields(PublishFlags& o, F field) {
    field("revision", o.revision, "branch to commit to", {.word = "BRANCH"});
    field("message", o.message, "what changes", {.word = "TEXT"});
    field("private", o.is_private, "make a new repository private");
    field("pull_request", o.pull_request, "propose the change instead of making it");
    field("yes", o.yes, yes_help);
    access_fields(o.hub, field);
}

// What becomes visible to others is shown first.
bool may_publish(const std::vector<PublishFile>& files, const std::string& folder, const std::string& repository,
                 const PublishFlags& options) {
    if (options.yes) return true;
    int64_t bytes = 0;
    for (const PublishFile& file : files) bytes += file.bytes;
    std::string what = fmt::format("{} ({}) of {}", format_count(static_cast<int64_t>(files.size()), "file"),
                                   format_quantity(static_cast<double>(bytes), "B"), folder);
    if (!can_ask())
        throw UsageError(
            fmt::format("{} would be published as {}; without a terminal to ask, --yes is needed", what, repository));
    for (const PublishFile& file : files)
        print_status("  {:>10}  {}\n", format_quantity(static_cast<double>(file.bytes), "B"), printable(file.name));
    return confirm(fmt::format("Publish {} as {}?", what, repository));
}

std::string to_json(const PublishResult& result) {
    JsonList files;
    for (const PublishFile& file : result.files)
        files.add(JsonObject{{"path", file.name}, {"bytes", file.bytes}, {"new", file.is_new}});
    auto or_null = [](const std::string& text) { return text.empty() ? JsonText(nullptr) : JsonText(text); };
    return JsonObject{{"url", result.url},
                      {"created", result.is_created},
                      {"commit", or_null(result.commit)},
                      {"pull_request", or_null(result.pull_request)},
                      {"sent_bytes", result.sent_bytes},
                      {"files", files}}
        .text();
}

void print_result(const PublishResult& result) {
    int64_t changed = 0;
    for (const PublishFile& file : result.files) changed += file.is_new;
    if (result.commit.empty())
        print_status("nothing is new: all {} are there\n",
                     format_count(static_cast<int64_t>(result.files.size()), "file"));
    else
        print_status("{}{} published, {} sent\n", result.is_created ? "repository created, " : "",
                     format_count(changed, "file"), format_quantity(static_cast<double>(result.sent_bytes), "B"));
    fmt::print("{}\n", result.url);
}

}  // namespace

int run_publish(Arguments arguments) {
    std::string folder, repository;
    PublishFlags options;
    Flags flags(
        "publish",
        "Upload a model folder to Hugging Face's hub, or a compatible one, and print its address. The repository is "
        "created if it is not there. Files that are there already are not sent again, so a publication that was "
        "cut off goes on; nothing in the repository is removed. The model card, README.md, says what the model "
        "was made from (base_model) and under which license others may use it (license).",
        "puna publish my-model my-name/my-model\n"
        "puna publish my-model my-name/my-model --private --message \"Second epoch\"\n"
        "puna publish fixed their-name/their-model --pull-request");
    flags.positional("FOLDER", folder, "model folder");
    flags.positional("NAME", repository, "OWNER/NAME");
    flags.add(list_fields(options));
    flags.add_json("print the address, the commit and the files as JSON");
    if (!flags.parse(arguments)) return 0;
    if (!is_repository_name(repository))
        throw UsageError(fmt::format("'{}' is not the name of a repository: OWNER/NAME", printable(repository)));
    std::vector<PublishFile> files = list_publish_files(folder);
    if (!may_publish(files, folder, repository, options)) return 1;
    Hub hub(hub_settings(options.hub));
    Transfer transfer(repository);
    PublishOptions publish_options{.revision = options.revision,
                                   .message = options.message,
                                   .is_private = options.is_private,
                                   .pull_request = options.pull_request,
                                   .on_begin = transfer.on_begin(),
                                   .on_bytes = transfer.on_bytes()};
    return transfer.run([&] {
        PublishResult result = publish(hub, std::move(files), repository, publish_options);
        transfer.end();
        flags.json() ? fmt::print("{}\n", to_json(result)) : print_result(result);
    });
}

}  // namespace puna
