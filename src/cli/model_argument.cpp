#include "cli/model_argument.h"

#include "cli/transfer.h"
#include "library/names.h"

#include <fmt/core.h>

namespace puna {

namespace {

bool ask(const PullPlan& plan) {
    std::string license = plan.info.license.empty() ? "" : ", license " + printable(plan.info.license);
    return confirm(fmt::format("{} is not here. Download it ({}{})?", plan.name.text(),
                               format_quantity(static_cast<double>(plan.bytes_to_fetch), "B"), license));
}

}  // namespace

std::filesystem::path model_path(const std::string& model, const ModelArgumentOptions& options) {
    Transfer transfer(model);
    ResolveOptions resolve{.pull = {.on_begin = transfer.on_begin(), .on_bytes = transfer.on_bytes()}};
    if (options.yes)
        resolve.ask = [](const PullPlan&) { return true; };
    else if (can_ask())
        resolve.ask = ask;
    return resolve_model(model, resolve);
}

}  // namespace puna
