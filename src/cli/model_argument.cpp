#include "cli/model_argument.h"

#include "cli/transfer.h"
#include "core/console.h"
#include "core/error.h"
#include "library/names.h"

#include <fmt/core.h>

namespace puna {

namespace {

// "3.4 GB, license llama3.2"
std::string facts_of(const PullPlan& plan) {
    std::string license = plan.info.license.empty() ? "" : ", license " + printable(plan.info.license);
    return format_quantity(static_cast<double>(plan.bytes_to_fetch), "B") + license;
}

bool ask(const PullPlan& plan) {
    return confirm(fmt::format("{} is not here. Download it ({})?", plan.name.text(), facts_of(plan)));
}

bool announce(const PullPlan& plan) {
    print_status("{} is not here: downloading it ({})\n", plan.name.text(), facts_of(plan));
    return true;
}

}  // namespace

std::filesystem::path model_path(const std::string& model, const ModelArgumentOptions& options) {
    Transfer transfer(model);
    ResolveOptions resolve{.pull = {.on_begin = transfer.on_begin(), .on_bytes = transfer.on_bytes()}};
    if (options.yes)
        resolve.ask = announce;
    else if (can_ask())
        resolve.ask = ask;
    return resolve_model(model, resolve);
}

std::vector<std::string> model_paths(const std::vector<std::string>& models, const ModelArgumentOptions& options) {
    std::vector<std::string> paths;
    for (const std::string& model : models) paths.push_back(model_path(model, options).string());
    return paths;
}

}  // namespace puna
